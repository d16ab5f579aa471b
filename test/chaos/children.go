package main

import (
	"os"
	"sync"
	"syscall"
	"time"
)

// children are those of the stage, which as PID 1 also gets all that nobody else
// adopts.
type children struct {
	mu      sync.Mutex
	awaited map[int]chan syscall.WaitStatus
}

func newChildren() *children {
	c := &children{awaited: map[int]chan syscall.WaitStatus{}}
	go c.reap()
	return c
}

func (c *children) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil {
			time.Sleep(time.Millisecond) // there is none at this moment
			continue
		}
		c.mu.Lock()
		if ended := c.awaited[pid]; ended != nil {
			ended <- status
			delete(c.awaited, pid)
		}
		c.mu.Unlock()
	}
}

// start starts a program, and gives where its end will be told.
func (c *children) start(argv []string, dir string, env []string, stdout, stderr *os.File) (*os.Process, <-chan syscall.WaitStatus, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	if stdout == nil {
		stdout = null
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Dir: dir, Env: env, Files: []*os.File{null, stdout, stderr}})
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan syscall.WaitStatus, 1)
	c.awaited[p.Pid] = ended
	return p, ended, nil
}
