/* That no two instances of one replica are ever alive (invariant I2), with messages delayed and
 * lost, the node cut off, its agent and the controller killed at any moment, and the node's clock
 * slow within its bound.
 *
 * There is one node in full. Every other node together is "elsewhere", where a keep is alive from
 * the moment it is placed: the worst case for this node, on which nothing may then be alive.
 *
 *   lease   what the node's loader has left of `send time of the last acknowledged heartbeat +
 *           stopAfter`, by the node's own clock (agent/lease.h)
 *   quiet   for how long the controller has acknowledged nothing, by its clock, counted anew after
 *           its restart (controller/state.c: when a lost node's keeps are surely over)
 *   epoch   the keep's, in the store; seen: the highest that the node obeyed, on its disk before it
 *           acted (agent/epochs.h); what ended there stays known (agent/keeps.c)
 *   life    the controller's epoch: grows with its every start; era: the highest that the node
 *           heard of, on its disk
 *
 * What is sent on one connection arrives in order, or is lost with it. What a dead controller had
 * sent may still arrive, before or after what its successor sends.
 *
 * A MUTANT_ definition plants one mistake; tests/model/run lets the checker find each of them. */
#define STOP 4   /* stopAfter, in ticks */
#define DRIFT 1  /* ticks that the node's clock may lose in that time */
#define KILL 2   /* ticks from deciding to end a keep to its certain end */
#define MARGIN 1
#ifdef MUTANT_SHORT_WAIT
#define WAIT (STOP + KILL - 1)
#else
#define WAIT (STOP + DRIFT + KILL + MARGIN)
#endif
#define CONNECTED 2 /* a node heard of within so many ticks is placed on */
#define EPOCHS 3    /* the search is bounded: so many placements, */
#define LIVES 3     /* and so many lives of the controller */

#define NOWHERE 0
#define HERE 1
#define ELSEWHERE 2

/* the node */
bool alive;
byte lease, dying, seen, era;
byte steady; /* ticks since its clock last lost one, counted up to STOP + 2 */

/* its connection; 0: nothing under way */
byte beat;            /* heartbeat: 1 + the lease that it is worth */
byte knows, ended;    /* what it says: the highest epoch seen, and which has ended */
byte ack, ack_life;   /* acknowledgement: 1 + the lease that it is worth */
byte start, start_life; /* StartKeep: its epoch */
bool start_first;     /* it goes before the acknowledgement */

/* the controller */
bool up, heard;          /* heard: of the node, in this life */
byte quiet;
byte owner, epoch, life; /* in the store */

inline connection_lost()
{
    beat = 0; ended = 0; knows = 0; ack = 0; ack_life = 0;
    start = 0; start_life = 0; start_first = false
}

inline order()
{
    start = epoch; start_life = life; start_first = (ack == 0)
}

proctype node()
{
    do
    :: atomic { beat == 0 ->
        beat = STOP + 1; knows = seen; ended = (alive -> 0 : seen) }
    :: atomic { ack != 0 && !start_first ->
#ifdef MUTANT_LEASE_FROM_RECEIPT
        lease = STOP;
#else
        lease = (ack - 1 > lease -> ack - 1 : lease);
#endif
        era = (ack_life > era -> ack_life : era);
        ack = 0; ack_life = 0; start_first = (start != 0) }
    :: atomic { start != 0 && (start_first || ack == 0) ->
        if
#ifndef MUTANT_NO_CONTROLLER_EPOCH
        :: start_life < era -> skip
#endif
        :: start < seen -> skip /* a second line: on ordered connections the others are enough */
#ifndef MUTANT_ENDED_FORGOTTEN
        :: start == seen -> skip /* here, running or ended: only told again */
#endif
#ifndef MUTANT_START_WITHOUT_LEASE
        :: lease == 0 -> skip
#endif
        :: else ->
            if
            :: !alive -> alive = true; dying = 0
            :: else
            fi;
            seen = (start > seen -> start : seen);
            era = (start_life > era -> start_life : era)
        fi;
        start = 0; start_life = 0; start_first = false }
    :: atomic { alive -> alive = false; dying = 0 } /* the program ends by itself */
    /* cut off, or the agent killed: its loader and its disk go on */
    :: atomic { beat != 0 || ack != 0 || start != 0 -> connection_lost() }
    od
}

proctype controller()
{
    do
    /* A heartbeat: acknowledged, its report believed, an order that was lost given again. */
    :: atomic { up && beat != 0 && ack == 0 ->
        quiet = 0; heard = true;
        ack = beat; ack_life = life; start_first = (start != 0 && start_life == life);
        if
        :: owner == HERE && ended == epoch -> owner = NOWHERE
        :: owner == HERE && knows < epoch && start == 0 -> order()
        :: else
        fi;
        beat = 0; ended = 0; knows = 0 }
    :: atomic { up && owner == NOWHERE && epoch < EPOCHS && heard && quiet < CONNECTED && start == 0 ->
        epoch++; owner = HERE; order() }
    :: atomic { up && owner == NOWHERE && epoch < EPOCHS -> epoch++; owner = ELSEWHERE }
    :: atomic { up && owner == HERE && epoch < EPOCHS && quiet >= WAIT -> epoch++; owner = ELSEWHERE }
    :: atomic { up && owner == ELSEWHERE -> owner = NOWHERE } /* surely ended there */
#ifdef MUTANT_EFFECT_BEFORE_COMMIT
    /* the order leaves, the controller dies, and the store never heard of it */
    :: atomic { up && owner == NOWHERE && epoch < EPOCHS && life < LIVES && heard &&
                quiet < CONNECTED && start == 0 ->
        epoch++; order(); epoch--; up = false }
#endif
    :: atomic { up && life < LIVES -> up = false } /* killed; what it sent is still under way */
    :: atomic { !up ->
        up = true; life++; heard = false;
#ifdef MUTANT_RESTART_FORGETS
        quiet = WAIT
#else
        quiet = 0
#endif
        }
    od
}

proctype clock()
{
    do
    :: atomic {
        if
        :: steady == STOP + 2 -> steady = 0 /* the node's clock loses this tick */
        :: true ->
            steady = (steady < STOP + 2 -> steady + 1 : steady);
            lease = (lease > 0 -> lease - 1 : 0);
            beat = (beat > 1 -> beat - 1 : beat);
            ack = (ack > 1 -> ack - 1 : ack)
        fi;
        if
        :: alive && dying == 1 -> alive = false; dying = 0
        :: alive && dying > 1 -> dying--
#ifdef MUTANT_NO_DEADLINE
        :: alive && dying == 0 && lease == 0 -> skip
#else
        :: alive && dying == 0 && lease == 0 -> dying = KILL
#endif
        :: else
        fi;
        quiet = (quiet < WAIT -> quiet + 1 : quiet) }
    od
}

proctype checker()
{
    atomic { alive && owner == ELSEWHERE -> assert(false) } /* two instances of one replica */
}

init
{
    atomic {
        up = true; life = 1; quiet = WAIT;
        run node(); run controller(); run clock(); run checker()
    }
}
