package replay

import (
	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/event"
)

// A Judge judges recorded requests in recorded time. An [engine.Replay] is one.
type Judge interface {
	// Judge judges a request and the response to it. It keeps nothing of ev.
	Judge(ev *event.Event) engine.Outcome
}
