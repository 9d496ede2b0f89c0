ALTER TABLE confirm_phone_actions DROP COLUMN after_password;
