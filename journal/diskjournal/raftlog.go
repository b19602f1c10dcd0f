package diskjournal

import (
	"fmt"
	"log/slog"

	"go.etcd.io/raft/v3"
)

// raftLog is what Raft logs to. What it calls a warning is of no use to a person.
type raftLog struct{ log *slog.Logger }

var _ raft.Logger = raftLog{}

func (l raftLog) Debug(...any)          {}
func (l raftLog) Debugf(string, ...any) {}
func (l raftLog) Info(...any)           {}
func (l raftLog) Infof(string, ...any)  {}
func (l raftLog) Warning(v ...any)      { l.Warningf("%s", fmt.Sprint(v...)) }
func (l raftLog) Warningf(f string, args ...any) {
	l.log.Debug("raft", "says", fmt.Sprintf(f, args...))
}
func (l raftLog) Error(v ...any)               { l.Warningf("%s", fmt.Sprint(v...)) }
func (l raftLog) Errorf(f string, args ...any) { l.Warningf(f, args...) }
func (l raftLog) Fatal(v ...any)               { panic(fmt.Sprint(v...)) }
func (l raftLog) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (l raftLog) Panic(v ...any)               { panic(fmt.Sprint(v...)) }
func (l raftLog) Panicf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
