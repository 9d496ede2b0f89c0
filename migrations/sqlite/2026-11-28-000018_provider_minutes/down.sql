DROP TABLE provider_minutes;
