ALTER TABLE token_sets DROP COLUMN sealed_params;
