DROP INDEX employees_subject;
