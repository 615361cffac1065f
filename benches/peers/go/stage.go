package main

import (
	"fmt"
	"sync/atomic"
	"time"
)

// What the children of a workload share.
type stage struct {
	started, ended *tally
	// How many of the children are told to fail: the first ones.
	failing int
	// Closed when they are to fail, and replaced before.
	failures atomic.Pointer[chan struct{}]
}

func newStage(failing int) *stage {
	s := &stage{started: newTally(), ended: newTally(), failing: failing}
	failures := make(chan struct{})
	s.failures.Store(&failures)
	return s
}

// By what a child hears that it is to fail; taken before it enters.
func (s *stage) failure(index int) <-chan struct{} {
	if index >= s.failing {
		return nil
	}
	return *s.failures.Load()
}

func (s *stage) fail() {
	next := make(chan struct{})
	close(*s.failures.Swap(&next))
}

// Counts a child that runs, and by what is returned its end.
func (s *stage) enter() func() {
	s.started.count()
	return s.ended.count
}

// Sees that exactly as many started and ended as were expected.
func (s *stage) check() error {
	time.Sleep(10 * time.Millisecond)
	for _, t := range []struct {
		what  string
		tally *tally
	}{{"started", s.started}, {"ended", s.ended}} {
		if count, expected := t.tally.counted.Load(), t.tally.expected.Load(); count != expected {
			return fmt.Errorf("%d %s instead of %d", count, t.what, expected)
		}
	}
	return nil
}

// Counts, and says when as many have come as were expected.
type tally struct {
	counted, expected atomic.Int64
	reached           chan struct{}
}

func newTally() *tally { return &tally{reached: make(chan struct{}, 1)} }

// Expects so many more, of which none has come yet.
func (t *tally) expect(more int) { t.expected.Add(int64(more)) }

func (t *tally) count() {
	if t.counted.Add(1) == t.expected.Load() {
		select {
		case t.reached <- struct{}{}:
		default:
			// It has been said before, and nobody has listened.
		}
	}
}

// Waits for the last one of those that were expected.
func (t *tally) wait() { <-t.reached }
