-- Every type with the values of tests/it/types/generate.rs, which writes this file (UPDATE_GOLDEN=1).
DROP DATABASE IF EXISTS golden_types;
CREATE DATABASE golden_types CHARACTER SET utf8mb4;
USE golden_types;

CREATE TABLE integers (
  id INT PRIMARY KEY,
  c0 TINYINT,
  c1 TINYINT UNSIGNED,
  c2 SMALLINT,
  c3 SMALLINT UNSIGNED,
  c4 MEDIUMINT,
  c5 MEDIUMINT UNSIGNED,
  c6 INT,
  c7 INT UNSIGNED,
  c8 BIGINT,
  c9 BIGINT UNSIGNED,
  c10 INT(6) ZEROFILL,
  c11 BOOLEAN,
  c12 YEAR
);

CREATE TABLE decimals (
  id INT PRIMARY KEY,
  c0 DECIMAL(1,0),
  c1 DECIMAL(1,1),
  c2 DECIMAL(5,2),
  c3 DECIMAL(9,0),
  c4 DECIMAL(9,9),
  c5 DECIMAL(10,2),
  c6 DECIMAL(18,9),
  c7 DECIMAL(19,0),
  c8 DECIMAL(20,10),
  c9 DECIMAL(30,30),
  c10 DECIMAL(38,19),
  c11 DECIMAL(65,0),
  c12 DECIMAL(65,30),
  c13 DECIMAL(5,2) UNSIGNED
);

CREATE TABLE floats (
  id INT PRIMARY KEY,
  c0 FLOAT,
  c1 DOUBLE,
  c2 FLOAT(7,4),
  c3 DOUBLE(20,10),
  c4 FLOAT(30)
);

CREATE TABLE bits (
  id INT PRIMARY KEY,
  c0 BIT(1),
  c1 BIT(2),
  c2 BIT(7),
  c3 BIT(8),
  c4 BIT(9),
  c5 BIT(16),
  c6 BIT(17),
  c7 BIT(33),
  c8 BIT(63),
  c9 BIT(64)
);

CREATE TABLE dates (
  id INT PRIMARY KEY,
  c0 DATE NULL,
  c1 DATETIME(0) NULL,
  c2 TIMESTAMP(0) NULL,
  c3 DATETIME(1) NULL,
  c4 TIMESTAMP(1) NULL,
  c5 DATETIME(2) NULL,
  c6 TIMESTAMP(2) NULL,
  c7 DATETIME(3) NULL,
  c8 TIMESTAMP(3) NULL,
  c9 DATETIME(4) NULL,
  c10 TIMESTAMP(4) NULL,
  c11 DATETIME(5) NULL,
  c12 TIMESTAMP(5) NULL,
  c13 DATETIME(6) NULL,
  c14 TIMESTAMP(6) NULL
);

CREATE TABLE required_dates (
  id INT PRIMARY KEY,
  c0 DATE NOT NULL,
  c1 DATETIME(0) NOT NULL,
  c2 TIMESTAMP(0) NOT NULL,
  c3 DATETIME(1) NOT NULL,
  c4 TIMESTAMP(1) NOT NULL,
  c5 DATETIME(2) NOT NULL,
  c6 TIMESTAMP(2) NOT NULL,
  c7 DATETIME(3) NOT NULL,
  c8 TIMESTAMP(3) NOT NULL,
  c9 DATETIME(4) NOT NULL,
  c10 TIMESTAMP(4) NOT NULL,
  c11 DATETIME(5) NOT NULL,
  c12 TIMESTAMP(5) NOT NULL,
  c13 DATETIME(6) NOT NULL,
  c14 TIMESTAMP(6) NOT NULL
);

CREATE TABLE times (
  id INT PRIMARY KEY,
  c0 TIME(0),
  c1 TIME(1),
  c2 TIME(2),
  c3 TIME(3),
  c4 TIME(4),
  c5 TIME(5),
  c6 TIME(6)
);

CREATE TABLE texts (
  id INT PRIMARY KEY,
  c0 CHAR(20),
  c1 CHAR(255),
  c2 VARCHAR(20),
  c3 VARCHAR(63),
  c4 VARCHAR(64),
  c5 VARCHAR(300),
  c6 TINYTEXT,
  c7 TEXT,
  c8 MEDIUMTEXT,
  c9 LONGTEXT
);

CREATE TABLE bytes (
  id INT PRIMARY KEY,
  c0 BINARY(8),
  c1 BINARY(255),
  c2 CHAR(9) CHARACTER SET binary,
  c3 VARBINARY(8),
  c4 VARBINARY(255),
  c5 VARBINARY(256),
  c6 TINYBLOB,
  c7 BLOB,
  c8 MEDIUMBLOB,
  c9 LONGBLOB
);

CREATE TABLE choices (
  id INT PRIMARY KEY,
  c0 ENUM('a','b,c','d''e','é','🐟'),
  c1 ENUM('label 1','label 2','label 3','label 4','label 5','label 6','label 7','label 8','label 9','label 10','label 11','label 12','label 13','label 14','label 15','label 16','label 17','label 18','label 19','label 20','label 21','label 22','label 23','label 24','label 25','label 26','label 27','label 28','label 29','label 30','label 31','label 32','label 33','label 34','label 35','label 36','label 37','label 38','label 39','label 40','label 41','label 42','label 43','label 44','label 45','label 46','label 47','label 48','label 49','label 50','label 51','label 52','label 53','label 54','label 55','label 56','label 57','label 58','label 59','label 60','label 61','label 62','label 63','label 64','label 65','label 66','label 67','label 68','label 69','label 70','label 71','label 72','label 73','label 74','label 75','label 76','label 77','label 78','label 79','label 80','label 81','label 82','label 83','label 84','label 85','label 86','label 87','label 88','label 89','label 90','label 91','label 92','label 93','label 94','label 95','label 96','label 97','label 98','label 99','label 100','label 101','label 102','label 103','label 104','label 105','label 106','label 107','label 108','label 109','label 110','label 111','label 112','label 113','label 114','label 115','label 116','label 117','label 118','label 119','label 120','label 121','label 122','label 123','label 124','label 125','label 126','label 127','label 128','label 129','label 130','label 131','label 132','label 133','label 134','label 135','label 136','label 137','label 138','label 139','label 140','label 141','label 142','label 143','label 144','label 145','label 146','label 147','label 148','label 149','label 150','label 151','label 152','label 153','label 154','label 155','label 156','label 157','label 158','label 159','label 160','label 161','label 162','label 163','label 164','label 165','label 166','label 167','label 168','label 169','label 170','label 171','label 172','label 173','label 174','label 175','label 176','label 177','label 178','label 179','label 180','label 181','label 182','label 183','label 184','label 185','label 186','label 187','label 188','label 189','label 190','label 191','label 192','label 193','label 194','label 195','label 196','label 197','label 198','label 199','label 200','label 201','label 202','label 203','label 204','label 205','label 206','label 207','label 208','label 209','label 210','label 211','label 212','label 213','label 214','label 215','label 216','label 217','label 218','label 219','label 220','label 221','label 222','label 223','label 224','label 225','label 226','label 227','label 228','label 229','label 230','label 231','label 232','label 233','label 234','label 235','label 236','label 237','label 238','label 239','label 240','label 241','label 242','label 243','label 244','label 245','label 246','label 247','label 248','label 249','label 250','label 251','label 252','label 253','label 254','label 255','label 256','label 257','label 258','label 259','label 260','label 261','label 262','label 263','label 264','label 265','label 266','label 267','label 268','label 269','label 270','label 271','label 272','label 273','label 274','label 275','label 276','label 277','label 278','label 279','label 280','label 281','label 282','label 283','label 284','label 285','label 286','label 287','label 288','label 289','label 290','label 291','label 292','label 293','label 294','label 295','label 296','label 297','label 298','label 299','label 300'),
  c2 ENUM('größe','') CHARACTER SET latin1,
  c3 SET('a','b c','é'),
  c4 SET('m1','m2','m3','m4','m5','m6','m7','m8','m9','m10','m11','m12','m13','m14','m15','m16','m17','m18','m19','m20','m21','m22','m23','m24','m25','m26','m27','m28','m29','m30','m31','m32','m33','m34','m35','m36','m37','m38','m39','m40','m41','m42','m43','m44','m45','m46','m47','m48','m49','m50','m51','m52','m53','m54','m55','m56','m57','m58','m59','m60','m61','m62','m63','m64')
);

CREATE TABLE documents (
  id INT PRIMARY KEY,
  c0 JSON,
  c1 JSON
);

CREATE TABLE shapes (
  id INT PRIMARY KEY,
  c0 POINT,
  c1 LINESTRING,
  c2 POLYGON,
  c3 MULTIPOINT,
  c4 MULTILINESTRING,
  c5 MULTIPOLYGON,
  c6 GEOMETRYCOLLECTION,
  c7 GEOMETRY,
  c8 POINT SRID 4326
);

CREATE TABLE vectors (
  id INT PRIMARY KEY,
  c0 VECTOR(1),
  c1 VECTOR(3),
  c2 VECTOR(100)
);
