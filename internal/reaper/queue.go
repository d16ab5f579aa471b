package reaper

import "sync"

// request asks for a start, or with do for something else that is to be done on the
// thread that forks.
type request struct {
	key   Key
	build func() (Image, error)
	do    func()
}

// queue holds requests without a bound. With one, the owner would wait for the
// thread that forks, which waits for the owner to take its results: with some
// thousand services to start at once, for ever.
type queue struct {
	mutex   sync.Mutex
	changed sync.Cond
	waiting []request
	closed  bool
}

func newQueue() *queue {
	q := &queue{}
	q.changed.L = &q.mutex
	return q
}

func (q *queue) put(r request) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.waiting = append(q.waiting, r)
	q.changed.Signal()
}

// take waits for a request; false: there is none and will be none.
func (q *queue) take() (request, bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for len(q.waiting) == 0 && !q.closed {
		q.changed.Wait()
	}
	if len(q.waiting) == 0 {
		return request{}, false
	}
	r := q.waiting[0]
	q.waiting[0] = request{}
	q.waiting = q.waiting[1:]
	return r, true
}

func (q *queue) close() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.closed = true
	q.changed.Signal()
}
