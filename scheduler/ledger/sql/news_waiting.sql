-- news_waiting: whether there is news without a number.
SELECT EXISTS (SELECT FROM news WHERE seq IS NULL) AS waiting;
