package lookup

import "runtime"

// stride is how many decisions a writer handles in one go, in a fifth of a
// millisecond at most, before it lets others have the processor. On a server
// with two of them, one of which collects garbage, requests would otherwise
// wait for the ten milliseconds after which the runtime steps in.
const stride = 64

// A pacer is told of each of many small steps, and lets others go first now
// and then.
type pacer int

func (p *pacer) step() {
	if *p++; *p%stride == 0 {
		runtime.Gosched()
	}
}
