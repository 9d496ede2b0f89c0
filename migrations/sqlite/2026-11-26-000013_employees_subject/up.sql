-- What somebody sees starts from their own employees, deleted ones among them; so does the deletion of an account.
CREATE INDEX employees_subject ON employees (subject);
