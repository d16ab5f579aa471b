// Package recent keeps what services wrote a moment ago, for those who come to
// look and for those who follow.
//
// A [Ring] has the last of one service. It takes memory as it fills, at most
// [MaxRing]; all rings of a [Budget] together stay near its size, however many
// there are: once it is used up a new ring gets [minRing] and the others stay
// as they are. Who follows has a place in the ring and no queue of its own: a
// slow reader holds up nobody, and is told how much it lost.
package recent

import (
	"encoding/binary"
	"sync"
	"sync/atomic"
	"time"
)

// MaxRing is the most that is kept of one service: some 600 lines of 100
// bytes, what one scrolls back through.
const MaxRing = 64 << 10

// minRing is what a ring begins with.
const minRing = 1 << 10

// Budget is what all rings together may take.
type Budget struct{ left atomic.Int64 }

// NewBudget makes a budget of so many bytes.
func NewBudget(size int64) *Budget {
	b := &Budget{}
	b.left.Store(size)
	return b
}

// take gives false when there is not enough left.
func (b *Budget) take(n int) bool {
	if b.left.Add(int64(-n)) < 0 {
		b.left.Add(int64(n))
		return false
	}
	return true
}

// Record is a piece of what was written: a line, or what was read at once.
type Record struct {
	Time time.Time
	Part bool // it continues the line before
	Text []byte
}

// Ring is the last records of one service.
type Ring struct {
	budget *Budget    `carry:"-"`
	mutex  sync.Mutex `carry:"-"`
	buf    []byte
	paid   int                          // how much of the budget it has
	head   uint64                       // where the oldest record begins; positions only grow
	tail   uint64                       // where the next will begin
	gone   uint64                       // bytes of text that were overwritten, or never fitted
	total  uint64                       // bytes of text that were added
	wake   map[chan<- struct{}]struct{} `carry:"-"`
}

// NewRing makes an empty ring, which takes no memory yet.
func NewRing(b *Budget) *Ring { return &Ring{budget: b} }

// Belong has a ring that was carried over an exec count against a budget.
func (r *Ring) Belong(b *Budget) {
	r.budget = b
	b.left.Add(int64(-r.paid))
}

// Close gives its memory back to the budget. It is empty then, and still can
// be used.
func (r *Ring) Close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.budget.left.Add(int64(r.paid))
	for r.head < r.tail {
		r.forget()
	}
	r.buf, r.paid = nil, 0
}

// header is the length, the flags and the time before each text.
const header = 4 + 1 + 8

// Add keeps a record, in place of the oldest ones if there is no room. One that
// is larger than the whole ring counts as lost.
func (r *Ring) Add(at time.Time, part bool, text []byte) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.add(at, part, text)
	r.notify()
}

// AddStream keeps bytes that are no lines, in several records if need be.
func (r *Ring) AddStream(at time.Time, text []byte) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for len(text) > 0 {
		n := min(len(text), MaxRing/8)
		if !r.grow(header + n) { // as large as there is room for, a quarter of it
			n = min(n, max(1, len(r.buf)/4-header))
		}
		r.add(at, false, text[:n])
		text = text[n:]
	}
	r.notify()
}

func (r *Ring) notify() {
	for c := range r.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (r *Ring) add(at time.Time, part bool, text []byte) {
	need := header + len(text)
	r.grow(need)
	r.total += uint64(len(text))
	for r.head < r.tail && r.tail-r.head+uint64(need) > uint64(len(r.buf)) {
		r.forget()
	}
	if need > len(r.buf) {
		r.gone += uint64(len(text))
		return
	}
	var h [header]byte
	binary.LittleEndian.PutUint32(h[:], uint32(len(text)))
	if part {
		h[4] = 1
	}
	binary.LittleEndian.PutUint64(h[5:], uint64(at.UnixNano()))
	r.put(h[:])
	r.put(text)
}

// grow makes room for need bytes beside what is there, if that may be; false:
// it has not become large enough.
func (r *Ring) grow(need int) bool {
	want := int(r.tail-r.head) + need
	size := max(len(r.buf), minRing)
	for size < want && size < MaxRing {
		size *= 2
	}
	switch {
	case size == len(r.buf):
	case r.budget.take(size - r.paid):
		r.resize(size)
		r.paid = size
	case r.buf == nil:
		r.resize(minRing) // beyond the budget; the least that makes sense
	}
	return want <= len(r.buf)
}

func (r *Ring) resize(size int) {
	old := r.buf
	r.buf = make([]byte, size)
	if len(old) == 0 {
		return
	}
	for p := r.head; p < r.tail; {
		from := old[p%uint64(len(old)):]
		from = from[:min(uint64(len(from)), r.tail-p)]
		n := copy(r.buf[p%uint64(size):], from)
		p += uint64(n)
	}
}

func (r *Ring) put(b []byte) {
	for len(b) > 0 {
		n := copy(r.buf[r.tail%uint64(len(r.buf)):], b)
		r.tail += uint64(n)
		b = b[n:]
	}
}

func (r *Ring) get(to []byte, at uint64) {
	for len(to) > 0 {
		n := copy(to, r.buf[at%uint64(len(r.buf)):])
		at += uint64(n)
		to = to[n:]
	}
}

// forget drops the oldest record.
func (r *Ring) forget() {
	var h [header]byte
	r.get(h[:], r.head)
	n := uint64(binary.LittleEndian.Uint32(h[:]))
	r.head += header + n
	r.gone += n
}

// Cursor is a place in a ring. It belongs to one goroutine.
type Cursor struct {
	ring *Ring
	at   uint64
	seen uint64 // bytes of text before it, read or lost
}

// Begin gives a cursor at the oldest record that is kept.
func (r *Ring) Begin() *Cursor {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return &Cursor{r, r.head, r.gone}
}

// End gives a cursor behind the last record.
func (r *Ring) End() *Cursor {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return &Cursor{r, r.tail, r.total}
}

// Watch has wake, which should hold one element, filled whenever there is more.
func (r *Ring) Watch(wake chan<- struct{}) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.wake == nil {
		r.wake = map[chan<- struct{}]struct{}{}
	}
	r.wake[wake] = struct{}{}
}

// Leave ends a Watch.
func (r *Ring) Leave(wake chan<- struct{}) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	delete(r.wake, wake)
}

// batch bounds how much Next gives at once.
const batch = 32 << 10

// Next gives records that come next, none if there are none yet, and how many
// bytes of text before them are gone because the reader was too slow.
func (c *Cursor) Next() (records []Record, lost int) {
	r := c.ring
	r.mutex.Lock()
	defer r.mutex.Unlock()
	// Records without text, empty lines, go without r.gone growing; what was too
	// large for the ring is gone without having been there.
	if c.at < r.head || c.seen < r.gone {
		lost = int(r.gone - c.seen)
		c.at, c.seen = r.head, r.gone
	}
	for size := 0; c.at < r.tail && size < batch; {
		var h [header]byte
		r.get(h[:], c.at)
		text := make([]byte, binary.LittleEndian.Uint32(h[:]))
		r.get(text, c.at+header)
		at := time.Unix(0, int64(binary.LittleEndian.Uint64(h[5:])))
		records = append(records, Record{at, h[4] != 0, text})
		c.at += header + uint64(len(text))
		c.seen += uint64(len(text))
		size += len(text)
	}
	return records, lost
}
