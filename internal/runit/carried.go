package runit

import "supervise/internal/carry"

// Carried is what a keeper has open, for the next image of the process to go on with,
// see package carry.
type Carried struct {
	Open  []CarriedFiles
	Pipes map[string][2]carry.FD // by the log service
}

// CarriedFiles is those of one service directory.
type CarriedFiles struct {
	At, Service            string
	Path                   string
	Dir, Lock, OK, Control carry.FD
	Last                   Status
	Written                bool
}

// Carry gives it. Their owners do nothing with the files meanwhile.
func (k *Keeper) Carry() *Carried {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	c := &Carried{Pipes: map[string][2]carry.FD{}}
	for at, o := range k.open {
		f := o.Files
		c.Open = append(c.Open, CarriedFiles{at, o.service, f.path, carry.FD(f.dir), carry.FD(f.lock), carry.FD(f.ok), carry.FD(f.control), f.last, f.written})
	}
	k.Pipes.mutex.Lock()
	defer k.Pipes.mutex.Unlock()
	for log, ends := range k.Pipes.ends {
		c.Pipes[log] = [2]carry.FD{carry.FD(ends[0]), carry.FD(ends[1])}
	}
	return c
}

// Restore is [NewKeeper] for what is open already.
func Restore(c *Carried) (*Keeper, error) {
	k, err := NewKeeper()
	if err != nil {
		return nil, err
	}
	for _, o := range c.Open {
		f := &Files{path: o.Path, dir: int(o.Dir), lock: int(o.Lock), ok: int(o.OK), control: int(o.Control), last: o.Last, written: o.Written}
		k.open[o.At] = opened{f, o.Service}
	}
	for log, ends := range c.Pipes {
		if k.Pipes.ends == nil {
			k.Pipes.ends = map[string]*[2]int{}
		}
		k.Pipes.ends[log] = &[2]int{int(ends[0]), int(ends[1])}
	}
	return k, nil
}

// Began says that [Files.Begin] was called.
func (f *Files) Began() bool { return f.ok >= 0 }
