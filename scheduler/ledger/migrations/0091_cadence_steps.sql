-- Who serves an account numbers its steps: a sequence of its own belongs to no table whose rights it would have.
GRANT USAGE ON SEQUENCE cadence_step_id TO dialwheel_tenant, dialwheel_service;
