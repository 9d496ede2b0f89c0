DROP TABLE gone_links;
DROP TABLE served_writers;
DROP TABLE served_pages;
