-- Stars, beginnings and digests of text; of a key, of NULL, of other types.
-- oracle: converter.schemas.enable=true
-- oracle: header.converter.schemas.enable=false
-- oracle: column.mask.with.5.chars=golden_masks.people.(name|absent|born|kind|letter)
-- oracle: column.mask.with.0.chars=golden_masks.people.gone
-- oracle: column.truncate.to.4.chars=golden_masks.people.(story|short|fish)
-- oracle: column.mask.hash.v2.SHA-256.with.salt.pepper=golden_masks.people.(mail|nick),golden_masks.keyed.id
-- oracle: column.mask.hash.MD5.with.salt.pepper=golden_masks.people.(old|odd)
-- remora: envelope.schemas = true
-- remora: masks.stars = ['5: golden_masks.people.(name|absent|born|kind|letter)', '0: golden_masks.people.gone']
-- remora: masks.truncate = ['4: golden_masks.people.(story|short|fish)']
-- remora: masks.hash = ['SHA-256: golden_masks.people.(mail|nick)', 'SHA-256: golden_masks.keyed.id']
-- remora: masks.hash_v1 = ['MD5: golden_masks.people.(old|odd)']
-- remora: masks.salt_file = "SALT-FILE"
DROP DATABASE IF EXISTS golden_masks;
CREATE DATABASE golden_masks CHARACTER SET utf8mb4;
USE golden_masks;

CREATE TABLE people (
  id INT PRIMARY KEY, name VARCHAR(20), absent VARCHAR(20), born DATE, kind ENUM('a','b'), letter CHAR(1),
  gone VARCHAR(5) NOT NULL DEFAULT 'd', story TEXT, short VARCHAR(3), fish VARCHAR(10), mail VARCHAR(100),
  nick VARCHAR(10), old VARCHAR(100), odd TEXT
);
CREATE TABLE keyed (id VARCHAR(100) PRIMARY KEY, v INT);
