// The workloads on suture: WORKLOAD FLAVOUR SIZE. Prints the figure, or what cannot be done and why.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

// How often the small is done, so that it takes as long as the large, and after how long it is not
// repeated any more.
const (
	work     = 100_000
	restarts = 2_000
	enough   = 2 * time.Second
	idling   = 10 * time.Second
)

// A figure, as benches/runtime/beside/figure.rs reads it.
type figure struct {
	ns, bytes, cpuMs, switches float64
}

// The share of one in the time of so many.
func shared(sum time.Duration, among int) figure {
	return figure{ns: float64(sum.Nanoseconds()) / float64(among)}
}

func main() {
	workload, flavour := os.Args[1], os.Args[2]
	size, err := strconv.Atoi(os.Args[3])
	if err != nil {
		panic(err)
	}
	// The flavour is how many threads run goroutines: one, or two.
	runtime.GOMAXPROCS(map[string]int{"ct": 1, "mt": 2}[flavour])
	f, err := measure(workload, size)
	if err != nil {
		fmt.Println("cannot:", err)
		return
	}
	fmt.Printf("%.1f %.1f %.3f %.0f\n", f.ns, f.bytes, f.cpuMs, f.switches)
}

func measure(workload string, size int) (figure, error) {
	times := max(1, work/size)
	switch workload {
	case "start":
		return start(size, times)
	case "storm":
		stage := newStage(size)
		return fail(stage, func() *tree { return flat(stage, size) }, falls{size, size, size, times})
	case "restart":
		stage := newStage(1)
		return fail(stage, func() *tree { return flat(stage, size) }, falls{size, 1, 1, restarts})
	case "group":
		return figure{}, errors.New("has no groups")
	case "stop":
		return stop(size, times)
	case "chain":
		stage := newStage(1)
		// The supervisors between run no code of ours: the first node starts, and the deepest.
		return fail(stage, func() *tree { return chain(stage, size) }, falls{2, 2, size, times})
	case "idle":
		return idle(size)
	}
	return figure{}, fmt.Errorf("there is no workload %s", workload)
}

func start(size, times int) (figure, error) {
	var sum time.Duration
	var bytes float64
	for done := 1; ; done++ {
		stage := newStage(0)
		stage.started.expect(size)
		before := resident()
		began := time.Now()
		tree := flat(stage, size)
		stage.started.wait()
		sum += time.Since(began)
		// Of the first time: later ones take what was freed.
		if done == 1 {
			bytes = (resident() - before) / float64(size)
		}
		stage.ended.expect(size)
		tree.stop()
		if err := stage.check(); err != nil {
			return figure{}, err
		}
		if done == times || sum > enough {
			f := shared(sum, size*done)
			f.bytes = bytes
			return f, nil
		}
	}
}

func stop(size, times int) (figure, error) {
	var sum time.Duration
	for done := 1; ; done++ {
		stage := newStage(0)
		stage.started.expect(size)
		tree := flat(stage, size)
		stage.started.wait()
		stage.ended.expect(size)
		began := time.Now()
		tree.stop()
		stage.ended.wait()
		sum += time.Since(began)
		if err := stage.check(); err != nil {
			return figure{}, err
		}
		if done == times || sum > enough {
			return shared(sum, size*done), nil
		}
	}
}

// How many start at first, how many start again, how many share the time, and how often.
type falls struct {
	first, again, among, times int
}

func fail(stage *stage, plant func() *tree, falls falls) (figure, error) {
	stage.started.expect(falls.first)
	plant()
	stage.started.wait()
	began := time.Now()
	done := 0
	for ; done < falls.times && time.Since(began) < enough; done++ {
		stage.started.expect(falls.again)
		stage.ended.expect(falls.again)
		stage.fail()
		stage.started.wait()
	}
	sum := time.Since(began)
	return shared(sum, falls.among*done), stage.check()
}

func idle(size int) (figure, error) {
	stage := newStage(0)
	stage.started.expect(size)
	flat(stage, size)
	stage.started.wait()
	time.Sleep(500 * time.Millisecond)
	cpu, switches := used()
	time.Sleep(idling)
	cpuAfter, switchesAfter := used()
	f := figure{cpuMs: (cpuAfter - cpu) / 1e6, switches: switchesAfter - switches}
	return f, stage.check()
}
