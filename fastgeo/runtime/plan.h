/* What the plans of all families share: how a plan is shown, how a test forces an algorithm and counts what ran.

   A family's plan is a pure function of team and call. It asks fg_forced() first, picks an algorithm, and its driver
   hands the choice to fg_planned() and stops unless that returns FG_OK. Where an algorithm really starts, its driver
   calls fg_ran(). All of it costs one comparison with NULL in a call that no one probes. */
#ifndef FG_PLAN_H
#define FG_PLAN_H

#include <string.h>

#include "runtime/runtime.h"

/* A plan as people read it. */
typedef struct {
    const char *choice;    /* what there are several algorithms for: "nms", "conv2d" */
    const char *algorithm; /* the one chosen */
    const char *reason;    /* why, in the words of the field */
    int threads;           /* that may take part, at most the team's size */
    int64_t chunks;        /* pieces that the threads share */
    int64_t scratch_bytes; /* memory beyond input and output, over all threads */
} fg_plan;

/* One algorithm forced where one choice is made; the latest first. */
typedef struct fg_forcing {
    const char *choice, *algorithm;
    const struct fg_forcing *outer;
} fg_forcing;

typedef struct fg_probe {
    const fg_forcing *forcing;
    const char *wanted;  /* the choice whose plan explain() asks for, or NULL */
    fg_plan plan;        /* the answer to it */
    const char *refusal; /* why a forced algorithm cannot serve the call */
    fg_forcing refused;  /* which one */
    void (*count)(const char *choice, const char *algorithm, int isa, int threads);
} fg_probe;

/* The row of the forced algorithm in the family's list of `n` names; -1 where none is forced. */
static inline int fg_forced(const fg_team *team, const char *choice, const char *const *names, int n)
{
    if (!team->probe)
        return -1;
    for (const fg_forcing *forcing = team->probe->forcing; forcing; forcing = forcing->outer)
        for (int i = 0; i < n && strcmp(forcing->choice, choice) == 0; i++)
            if (strcmp(forcing->algorithm, names[i]) == 0)
                return i;
    return -1;
}

/* For a plan whose forced algorithm cannot serve the call. Returns FG_REFUSED. */
static inline int fg_refuse(const fg_team *team, const char *choice, const char *algorithm, const char *why)
{
    team->probe->refusal = why;
    team->probe->refused = (fg_forcing){choice, algorithm, 0};
    return FG_REFUSED;
}

/* FG_OK: go on and compute. FG_EXPLAINED: the plan was all that was asked for. */
static inline int fg_planned(const fg_team *team, const fg_plan *plan)
{
    if (!team->probe || !team->probe->wanted || strcmp(team->probe->wanted, plan->choice) != 0)
        return FG_OK;
    team->probe->plan = *plan;
    return FG_EXPLAINED;
}

/* An algorithm starts, on so many threads. Called by the code that runs it, not by the plan: tests compare the two. */
static inline void fg_ran(const fg_team *team, const char *choice, const char *algorithm, int threads)
{
    if (team->probe)
        team->probe->count(choice, algorithm, team->isa, threads);
}

#endif
