package guest

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/tocsin-project/tocsin/appsec"
	"github.com/tocsin-project/tocsin/middleware"
	"github.com/tocsin-project/tocsin/waf"
	"go.uber.org/zap"
)

// Inspectors is the namespace of inspectors.
const Inspectors = "tocsin.inspectors"

// An Inspector is a module in the namespace tocsin.inspectors: it judges requests by
// their content.
type Inspector interface {
	// Resolve fills in defaults, replaces placeholders, reads secrets and checks the
	// options. Sources are all sources of the config.
	Resolve(repl *caddy.Replacer, sources []Opened) error
	// Open creates the inspector after Resolve. Its log lines go to the running config.
	Open(l *zap.Logger) (middleware.Inspector, error)
}

// A Starter is an inspector with work to do while a config is running.
type Starter interface {
	// Start begins the work and logs to l. Stop ends it and waits for its end.
	Start(l *zap.Logger) (stop func())
}

// An Owner is an inspector with its own paths, which the site never sees.
type Owner interface {
	// Owns reports whether a request with this target is for the inspector. Allowed
	// clients are inspected there too, and no such request passes.
	Owns(target string) bool
}

// Excepting is a module that knows for which requests rules of its inspector do not count.
// It is asked itself, since matchers belong to a config and what it has opened may outlive
// that.
type Excepting interface {
	// Excepts reports whether a rule that matches r does not count.
	Excepts(r *http.Request, rule string) bool
}

// Ruled is an inspector that has rules in this process, for the status.
type Ruled interface {
	// Rules returns what runs.
	Rules() *waf.Rules
	// Stats returns what has been counted.
	Stats() waf.Stats
}

// Counted is an inspector whose inspections are in the status.
type Counted interface {
	// Target is the server that it asks, such as a URL.
	Target() string
	// Stats returns the counts.
	Stats() appsec.Stats
}
