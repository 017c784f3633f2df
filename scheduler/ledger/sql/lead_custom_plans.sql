-- lead_custom_plans: for the rest of this transaction every statement is planned with its arguments known.
SET LOCAL plan_cache_mode = force_custom_plan;
