-- Tables that change while they are read, are born, renamed and dropped; generated and invisible columns; odd names.
DROP DATABASE IF EXISTS golden_schema;
CREATE DATABASE golden_schema CHARACTER SET utf8mb4;
USE golden_schema;

CREATE TABLE evolving (a INT, b TEXT);
CREATE TABLE computed (
  id INT PRIMARY KEY AUTO_INCREMENT, given VARCHAR(20), family VARCHAR(20),
  spoken VARCHAR(50) GENERATED ALWAYS AS (CONCAT(given, ' ', family)) VIRTUAL,
  sorted VARCHAR(50) GENERATED ALWAYS AS (CONCAT(family, ', ', given)) STORED,
  hidden INT INVISIBLE DEFAULT 3
);
CREATE TABLE `odd name-1` (`the id` INT PRIMARY KEY, `col.dot` INT, `한글` VARCHAR(10), `select` INT, `"quoted"` INT);
