-- Tables of several shards in one topic, their keys kept apart or not.
DROP DATABASE IF EXISTS golden_route;
CREATE DATABASE golden_route CHARACTER SET utf8mb4;
USE golden_route;

CREATE TABLE items_1 (id INT, part SMALLINT, name VARCHAR(40), PRIMARY KEY (part, id));
CREATE TABLE items_2 LIKE items_1;
CREATE TABLE items_10 (a INT, b TEXT);
CREATE TABLE lists (id INT PRIMARY KEY);
