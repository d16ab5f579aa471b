package reaper

import "sync"

// queue holds the starts that wait for the forking thread. It has no bound:
// the owner puts them in, and must not wait for a thread that may itself wait
// to hand it a result.
type queue struct {
	mu     sync.Mutex
	more   sync.Cond
	list   []request
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.more.L = &q.mu
	return q
}

func (q *queue) put(r request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.list = append(q.list, r)
	q.more.Signal()
}

// take waits for the next request; false: the queue is closed and empty.
func (q *queue) take() (request, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.list) == 0 && !q.closed {
		q.more.Wait()
	}
	if len(q.list) == 0 {
		return request{}, false
	}
	r := q.list[0]
	q.list[0] = request{}
	if q.list = q.list[1:]; len(q.list) == 0 {
		q.list = nil
	}
	return r, true
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.more.Signal()
}
