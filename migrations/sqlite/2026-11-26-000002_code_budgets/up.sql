-- Whether the message with the code followed a right password of the subject: then the looks at it are counted by the account, else by the phone.
ALTER TABLE confirm_phone_actions ADD COLUMN after_password INTEGER NOT NULL DEFAULT 0;
