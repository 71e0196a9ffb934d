-- The ledger's tables. History (change, phase, step, proof, waiver, old_use, conflict, event) is guarded by triggers of
-- a later migration; chunk, control and lease are working state and may be written freely.

GRANT USAGE ON SCHEMA {sync} TO PUBLIC;

CREATE TABLE {schema}.schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
-- Every program must be able to see that the ledger is newer than itself.
GRANT SELECT ON {schema}.schema_version TO PUBLIC;

CREATE TABLE {schema}.change (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE,
    kind text NOT NULL,
    spec jsonb NOT NULL,
    plan jsonb NOT NULL,
    fingerprint text NOT NULL,
    state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'hidden', 'purged', 'rolled_back')),
    attempt integer NOT NULL DEFAULT 1,
    -- How often this attempt was undone after contract.
    cycle integer NOT NULL DEFAULT 0,
    relation oid NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    -- Old and new: no other open change may touch them.
    columns text[] NOT NULL,
    -- Row writes to the table by anybody until ready, as the statistics count them.
    writes_at_ready bigint,
    created_by text NOT NULL,
    created_from text NOT NULL,
    program_version text NOT NULL,
    -- Of the database in which the change was made; NULL where the role may not read it.
    system_identifier bigint,
    database_oid oid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    hidden_at timestamptz,
    purged_at timestamptz
);
CREATE INDEX change_relation ON {schema}.change (relation);

CREATE TABLE {schema}.phase (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    phase text NOT NULL CHECK (phase IN ('expand', 'dual_write', 'backfill', 'verify', 'contract')),
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'done', 'failed', 'undone')),
    started_at timestamptz,
    finished_at timestamptz,
    error text,
    PRIMARY KEY (change_id, attempt, phase)
);

CREATE TABLE {schema}.step (
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    cycle integer NOT NULL,
    section text NOT NULL,
    step text NOT NULL,
    hash text NOT NULL,
    status text NOT NULL CHECK (status IN ('started', 'done', 'failed')),
    attempts integer NOT NULL DEFAULT 1,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    seconds double precision,
    error text,
    PRIMARY KEY (change_id, attempt, cycle, section, step)
);

-- fillfactor: a checkpoint is an UPDATE after each batch, and stays on its page.
CREATE TABLE {schema}.chunk (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('copy', 'compare', 'keep')),
    round integer NOT NULL,
    relation oid NOT NULL,
    relation_name text NOT NULL,
    filenode oid NOT NULL,
    first_block bigint NOT NULL,
    end_block bigint NOT NULL,
    next_block bigint NOT NULL,
    rows bigint NOT NULL DEFAULT 0,
    hot_rows bigint NOT NULL DEFAULT 0,
    mismatches bigint NOT NULL DEFAULT 0,
    unfit bigint NOT NULL DEFAULT 0,
    samples jsonb NOT NULL DEFAULT '[]',
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'running', 'done')),
    token uuid,
    leased_until timestamptz,
    worker text,
    attempts integer NOT NULL DEFAULT 0,
    batch integer,
    throttled_by text,
    error text,
    started_at timestamptz,
    updated_at timestamptz,
    UNIQUE (change_id, attempt, purpose, round, relation, filenode, first_block)
) WITH (fillfactor = 50);
-- A worker takes the lowest that is left. No column that a checkpoint writes is in it, or it would not be HOT.
CREATE INDEX chunk_open ON {schema}.chunk (change_id, attempt, purpose, round, id) WHERE status <> 'done';

CREATE TABLE {schema}.proof (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    attempt integer NOT NULL,
    cycle integer NOT NULL,
    -- The round of its `compare` chunks.
    round integer NOT NULL,
    bound jsonb NOT NULL,
    bound_at timestamptz NOT NULL,
    started_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    finished_at timestamptz,
    rows_compared bigint,
    mismatches bigint,
    unfit bigint,
    spoiled_at timestamptz,
    spoiled_why text,
    UNIQUE (change_id, attempt, round)
);

-- old_use and conflict are written by sessions of the application. They reference no other table: a foreign key would make
-- an application's write wait for whoever holds the change's row.
CREATE TABLE {schema}.old_use (
    change_id bigint NOT NULL,
    side text NOT NULL,
    application_name text NOT NULL,
    role text NOT NULL,
    address inet,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX old_use_change ON {schema}.old_use (change_id, side);

CREATE TABLE {schema}.conflict (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    kind text NOT NULL,
    key jsonb,
    old_value text,
    new_value text,
    application_name text,
    role text,
    sentence text
);
CREATE INDEX conflict_change ON {schema}.conflict (change_id, kind, at);

CREATE TABLE {schema}.waiver (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    gate text NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    known text NOT NULL,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);
CREATE INDEX waiver_change ON {schema}.waiver (change_id);

CREATE TABLE {schema}.control (
    change_id bigint PRIMARY KEY REFERENCES {schema}.change,
    paused boolean NOT NULL DEFAULT false,
    paused_by text,
    batch integer,
    max_rate double precision,
    workers integer,
    max_lag_seconds double precision,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp()
);

CREATE TABLE {schema}.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    change_id bigint REFERENCES {schema}.change,
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    kind text NOT NULL,
    who text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_change ON {schema}.event (change_id);

CREATE TABLE {schema}.lease (
    token uuid PRIMARY KEY,
    change_id bigint NOT NULL REFERENCES {schema}.change,
    exclusive boolean NOT NULL,
    verb text NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    -- The session that beats, so that a dead process is noticed at once; NULL behind a pooler, where sessions change hands.
    backend_pid integer,
    backend_start timestamptz,
    -- A copy of the database copies the lease, and the session that beats belongs to the original.
    database_oid oid NOT NULL,
    who text NOT NULL,
    acquired_at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    until timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX lease_change ON {schema}.lease (change_id);
