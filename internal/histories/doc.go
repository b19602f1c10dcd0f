// Package histories decides whether what clients were told of entities can be true.
//
// Two judges look at the same history and share no code: one asks whether the commands and queries can have happened one at a
// time (porcupine, a search), the other holds every word against the entity's final stream of events.
package histories
