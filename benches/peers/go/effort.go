package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Resident memory of this process in bytes.
func resident() float64 {
	return number(strings.Fields(read("/proc/self/statm"))[1]) * 4096
}

var switched = regexp.MustCompile(`ctxt_switches:\s+(\d+)`)

// Processor time in nanoseconds, and context switches, of all threads.
func used() (ns, switches float64) {
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		panic(err)
	}
	for _, thread := range threads {
		folder := filepath.Join("/proc/self/task", thread.Name())
		ns += number(strings.Fields(read(filepath.Join(folder, "schedstat")))[0])
		for _, match := range switched.FindAllStringSubmatch(read(filepath.Join(folder, "status")), -1) {
			switches += number(match[1])
		}
	}
	return ns, switches
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func number(word string) float64 {
	n, err := strconv.ParseFloat(word, 64)
	if err != nil {
		panic(err)
	}
	return n
}
