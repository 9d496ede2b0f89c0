DROP TABLE outbox_leases;
DROP TABLE outbox_lanes;
DROP TABLE outbox;
