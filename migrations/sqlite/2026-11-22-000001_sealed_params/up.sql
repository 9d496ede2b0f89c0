-- What came back with the code and is sent again at each refresh (VK ID's device_id); it goes with sealed_refresh.
ALTER TABLE token_sets ADD COLUMN sealed_params BLOB;
