-- Rows without their envelopes: each way to treat deletes, members of the envelope as fields and as headers.
DROP DATABASE IF EXISTS golden_unwrap;
CREATE DATABASE golden_unwrap CHARACTER SET utf8mb4;
USE golden_unwrap;

CREATE TABLE items (
    id INT PRIMARY KEY,
    name VARCHAR(40),
    topic_name VARCHAR(60) NOT NULL DEFAULT 'items-a',
    price DECIMAL(8, 2),
    kind ENUM('new', 'old') NOT NULL DEFAULT 'new',
    weight DOUBLE,
    document JSON,
    place POINT,
    at DATETIME(3)
);
CREATE TABLE keyless (id BIGINT UNSIGNED NOT NULL, name TEXT);
CREATE TABLE beside (id INT PRIMARY KEY, name VARCHAR(20));
