package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// apart gives a child a processor of its own, and this process the others, and returns how many those are; with one processor they share
// it.
func apart(pid int) (rest int, err error) {
	var all, child, others unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return 0, fmt.Errorf("which processors there are: %w", err)
	}
	if all.Count() < 2 {
		return 1, nil
	}
	others = all
	for cpu := range 8 * 8 * len(all) { // as many as the set has room for, and more
		if all.IsSet(cpu) {
			child.Set(cpu)
			others.Clear(cpu)
			break
		}
	}
	return others.Count(), errors.Join(pin(pid, &child), pin(os.Getpid(), &others))
}

// pin keeps all threads of a process to processors; those that they start inherit it. A thread may start another one meanwhile, so it
// looks twice.
func pin(pid int, to *unix.CPUSet) error {
	tasks := "/proc/" + strconv.Itoa(pid) + "/task"
	for range 2 {
		threads, err := os.ReadDir(tasks)
		if err != nil {
			return err
		}
		for _, t := range threads {
			id, err := strconv.Atoi(t.Name())
			if err != nil {
				return err
			}
			if err := unix.SchedSetaffinity(id, to); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("keeping thread %d to its processors: %w", id, err)
			}
		}
	}
	return nil
}
