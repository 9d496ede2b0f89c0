DROP INDEX flows_subject;
ALTER TABLE flows DROP COLUMN hint;
