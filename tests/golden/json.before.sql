-- JSON columns: every kind of value that the binary form has, and updates inside a document.
DROP DATABASE IF EXISTS golden_json;
CREATE DATABASE golden_json CHARACTER SET utf8mb4;
USE golden_json;

CREATE TABLE documents (id INT PRIMARY KEY AUTO_INCREMENT, j JSON, required JSON NOT NULL DEFAULT ('{}'));
