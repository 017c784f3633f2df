-- lead_statistics: look at leads and loops anew, so that statements are planned for as many as there are.
ANALYZE lead, loop;
