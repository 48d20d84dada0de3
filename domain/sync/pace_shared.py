"""The buckets and slots of every tracker in Redis, shared by all workers: taken together or not at all, by one script."""

import math
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from domain.database import Database
from domain.sync.pace_buckets import Bucket
from domain.sync.pace_rows import read_level

ASK_AGAIN_SECONDS = 0.05
# How often Redis may forget what it has just been told, before the call has to wait.
_FLUSHES = 3
TOLD_TO_WAIT: Final = "told_to_wait"

# KEYS: a hash of levels and the instants that they are of; the holders of slots by the instant at which they lose them; when the
# tracker last said that we are to wait, for as long as we are to.
# ARGV: mode (take, look or give), holder, slots, seconds, the holders whose calls are over, how new the caller's word of the tracker is;
# then of each bucket its name, points, how full it must be, rate, burst, and what Redis is told of its level ('' for nothing), which
# counts where it knows nothing or more.
# Gives: what came of it, the seconds to wait, the bucket that is short; then the level of each bucket, or the names of those not known.
_SCRIPT: Final = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local mode, holder, slots, seconds = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local names, points, levels, told, unknown = {}, {}, {}, {}, {}
local wait, short = 0, ''
if mode == 'give' then redis.call('ZREM', KEYS[2], holder) end
for over in string.gmatch(ARGV[5], '%S+') do redis.call('ZREM', KEYS[2], over) end
local met = redis.call('GET', KEYS[3])
if met and mode ~= 'give' and tonumber(met) >= tonumber(ARGV[6]) then
    return {'told', tostring(math.max(1, redis.call('PTTL', KEYS[3])) / 1000), ''}
end
for i = 7, #ARGV, 6 do
    local name, cost, need = ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2])
    local rate, burst, seed = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
    local stored = redis.call('HMGET', KEYS[1], name, name .. ':at')
    local level = tonumber(stored[1] or '')
    if level then level = math.min(burst, level + math.max(0, now - stored[2]) * rate) end
    if seed then level = math.min(level or seed, seed, burst) end
    if level then
        local n = #names + 1
        names[n], points[n], levels[n], told[n] = name, cost, level, seed
        if mode == 'give' then levels[n] = math.min(burst, level + points[n]) end
        local missing = (need - level) / rate
        if missing > 1e-6 and missing > wait then wait, short = missing, name end
    else
        unknown[#unknown + 1] = name
    end
end
if #unknown > 0 and mode ~= 'give' then return {'unknown', '0', '', unpack(unknown)} end
if mode == 'take' then
    redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
    if redis.call('ZCARD', KEYS[2]) >= slots and wait < 0.05 then wait, short = 0.05, 'in_flight' end
end
local granted = mode == 'take' and wait == 0
for n, name in ipairs(names) do
    if granted then levels[n] = levels[n] - points[n] end
    if granted or told[n] or mode == 'give' then redis.call('HSET', KEYS[1], name, levels[n], name .. ':at', now) end
    levels[n] = tostring(levels[n])
end
if granted then
    redis.call('ZADD', KEYS[2], now + seconds, holder)
    redis.call('EXPIRE', KEYS[2], seconds + 1)
    redis.call('EXPIRE', KEYS[1], 86400)
end
return {granted and 'granted' or 'denied', tostring(wait), short, unpack(levels)}
"""
# KEYS: when the tracker said that we are to wait. ARGV: that instant, the milliseconds; a longer wait stays.
_BLOCK: Final = """
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that asks for its turn: `holder` names it among those in flight, `slots` is how many may be with it.

    `known_at` is when the tracker's row was last written that it was decided on, in seconds since 1970.
    """

    tracker_id: UUID
    buckets: list[Bucket]
    holder: str
    slots: int
    background: bool
    known_at: float

    def fitting(self, levels: list[float]) -> int:
        """Tells how many such calls there are tokens for; `levels` are those of the buckets, in their order."""
        if len(levels) < len(self.buckets):
            return 0
        return min((self._fitting(bucket, level) for bucket, level in zip(self.buckets, levels, strict=True)), default=self.slots)

    def _fitting(self, bucket: Bucket, level: float) -> int:
        return max(0, math.floor((level - bucket.needed(background=self.background)) / bucket.points + 1 + 1e-6))


class SharedPace:
    """Asks the script, and tells it of buckets that Redis has forgotten. Errors of Redis and of the database pass through.

    A flush forgets the slots too: for as long as the calls then under way last, up to twice as many are. `redis` is a client that
    leaves answers as bytes.
    """

    def __init__(self, redis: Redis, database: Database, *, slot_seconds: float) -> None:
        """A dead worker's slots come back after so many seconds; no call of a living one should last as long."""
        self._slot_seconds = math.ceil(slot_seconds)
        self._redis = redis
        self._database = database
        self._script = redis.register_script(_SCRIPT)
        self._block = redis.register_script(_BLOCK)
        self._seen: dict[tuple[UUID, str], tuple[float, float]] = {}
        self._owed: defaultdict[UUID, list[str]] = defaultdict(list)
        self._absences = 0
        self._settled: dict[tuple[UUID, str], int] = {}

    async def take(self, asked: Asked) -> tuple[float, str]:
        """Takes all tokens and a slot (0.0 and an empty reason), or nothing: then the seconds to wait and the bucket that is short.

        TOLD_TO_WAIT stands in for the bucket where the tracker has said so to any worker.
        """
        wait, short, _ = await self._ask("take", asked)
        return wait, short

    async def room(self, asked: Asked) -> int:
        """Tells how many such calls there are tokens for, taking none; 0 also where Redis forgets the buckets quicker than it is told."""
        _, short, levels = await self._ask("look", asked)
        return 0 if short == TOLD_TO_WAIT else asked.fitting(levels)

    async def block(self, tracker_id: UUID, *, met_at: float, seconds: float) -> None:
        """Tells all workers that the tracker said at that time (seconds since 1970) that we are to wait for so many seconds from now."""
        await self._block(keys=_keys(tracker_id)[2:], args=[met_at, max(1, math.ceil(seconds * 1000))])

    async def give_all(self, asked: Asked) -> None:
        """Gives slot and tokens back: nothing was sent."""
        await self._run("give", asked, {})

    def give_later(self, asked: Asked) -> None:
        """Has the slot given back together with the next that is taken, or by `give_owed`."""
        self._owed[asked.tracker_id].append(asked.holder)

    async def give_owed(self) -> None:
        """Gives back what was to be given later and no taking has given back since."""
        for tracker_id in list(self._owed):
            with self._giving(tracker_id) as over:
                if over:
                    await self._redis.zrem(_keys(tracker_id)[1], *over)

    @contextmanager
    def _giving(self, tracker_id: UUID) -> Iterator[list[str]]:
        """Gives the holders whose slots are owed; they still are where Redis can't be told."""
        over = self._owed.pop(tracker_id, [])
        try:
            yield over
        except BaseException:
            self._owed[tracker_id] += over
            raise

    def lose(self) -> None:
        """Notes that Redis is away: what it says of a bucket afterwards isn't believed before it has been told what the ledger says."""
        self._absences += 1

    async def _ask(self, mode: str, asked: Asked) -> tuple[float, str, list[float]]:
        doubted = [bucket for bucket in asked.buckets if self._settled.get((asked.tracker_id, bucket.name), 0) != self._absences]
        told = await self._tell(asked, doubted)
        for _ in range(_FLUSHES):
            status, wait, short, *rest = await self._run(mode, asked, told)
            if status == b"told":
                return float(wait), TOLD_TO_WAIT, []
            if status != b"unknown":
                self._remember(asked, list(map(float, rest)))
                return float(wait), short.decode(), list(map(float, rest))
            told |= await self._tell(asked, [bucket for bucket in asked.buckets if bucket.name.encode() in rest])
        return ASK_AGAIN_SECONDS, asked.buckets[0].name, []

    async def _tell(self, asked: Asked, buckets: list[Bucket]) -> dict[str, float]:
        """Reckons levels from the ledger and from what this process last saw, which knows of reads too; the lower counts."""
        told = {}
        for bucket in buckets:
            level, at = self._seen.get((asked.tracker_id, bucket.name), (bucket.burst, 0.0))
            seen = level + (time.monotonic() - at) * bucket.rate
            told[bucket.name] = min(seen, await read_level(self._database, asked.tracker_id, bucket))
        return told

    async def _run(self, mode: str, asked: Asked, told: dict[str, float]) -> list[bytes]:
        arguments: list[str | float] = []
        for bucket in asked.buckets:
            needed = bucket.needed(background=asked.background)
            arguments += [bucket.name, bucket.points, needed, bucket.rate, bucket.burst, told.get(bucket.name, "")]
        with self._giving(asked.tracker_id) as over:
            first: list[str | float] = [mode, asked.holder, asked.slots, self._slot_seconds, " ".join(over), asked.known_at]
            answer: list[bytes] = await self._script(keys=_keys(asked.tracker_id), args=first + arguments)
        return answer

    def _remember(self, asked: Asked, levels: list[float]) -> None:
        now = time.monotonic()
        for bucket, level in zip(asked.buckets, levels, strict=True):
            self._seen[asked.tracker_id, bucket.name] = (level, now)
            self._settled[asked.tracker_id, bucket.name] = self._absences


def _keys(tracker_id: UUID) -> list[str]:
    # The braces keep them on one node of a cluster.
    return [f"pace:{{{tracker_id}}}", f"pace:{{{tracker_id}}}:slots", f"pace:{{{tracker_id}}}:told"]
