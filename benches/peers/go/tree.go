package main

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"github.com/thejerf/suture/v4"
)

var errAgain = errors.New("again")

// No pause after failures, no report of each of them, and no time limit.
var spec = suture.Spec{
	EventHook:        func(suture.Event) {},
	FailureThreshold: math.MaxFloat64,
	Timeout:          time.Hour,
}

// A supervisor that serves, with its services.
type tree struct {
	cancel context.CancelFunc
	ended  <-chan error
}

func plant(services ...suture.Service) *tree {
	top := suture.New("top", spec)
	for _, service := range services {
		top.Add(service)
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &tree{cancel, top.ServeBackground(ctx)}
}

func (t *tree) stop() {
	t.cancel()
	<-t.ended
}

func flat(stage *stage, size int) *tree {
	children := make([]suture.Service, size)
	for index := range children {
		children[index] = &child{stage, index}
	}
	return plant(children...)
}

// A chain of so many nodes: a service that serves a chain of supervisors, the last of which has a
// child.
func chain(stage *stage, size int) *tree {
	return plant(&first{stage, size})
}

// A service that fails when it is told to.
type child struct {
	stage *stage
	index int
}

func (c *child) String() string { return "child-" + strconv.Itoa(c.index) }

func (c *child) Serve(ctx context.Context) error {
	failure := c.stage.failure(c.index)
	defer c.stage.enter()()
	select {
	case <-failure:
		return errAgain
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The first node of a chain: a supervisor that fails is not restarted, so it is a service that
// plants what is below it anew each time.
type first struct {
	stage *stage
	size  int
}

func (f *first) String() string { return "first" }

func (f *first) Serve(ctx context.Context) error {
	failure := f.stage.failure(0)
	defer f.stage.enter()()
	var below suture.Service = &child{f.stage, f.size - 1}
	for depth := f.size - 2; depth > 0; depth-- {
		supervisor := suture.New(strconv.Itoa(depth), spec)
		supervisor.Add(below)
		below = supervisor
	}
	tree := plant(below)
	defer tree.stop()
	select {
	case <-failure:
		return errAgain
	case <-ctx.Done():
		return ctx.Err()
	}
}
