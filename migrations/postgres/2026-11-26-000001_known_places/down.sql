ALTER TABLE attempts DROP COLUMN opens;
DROP TABLE known_places;
