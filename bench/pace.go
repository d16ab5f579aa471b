package main

import "time"

// another says whether one more round fits into what is left of the limit, when
// it takes as long as the longest so far. A tenth stays for the report and for luck.
func another(done, wanted int, elapsed, longest, limit time.Duration) bool {
	return done < wanted && (done == 0 || elapsed+longest <= limit-limit/10)
}

// spend calls f until it was called most times or the budget is used up, but at
// least least times.
func spend(least, most int, budget time.Duration, f func(i int) error) error {
	began := time.Now()
	for i := range most {
		if i >= least && time.Since(began) >= budget {
			break
		}
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}
