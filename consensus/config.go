package consensus

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// ConfigVersion is the version of [Config] that this package understands.
const ConfigVersion = 1

// Config has all constants. [Defaults] has the values that the simulation supports; the
// zero Config is not valid.
type Config struct {
	Version int `json:"version"`

	// How evidence ages.
	HalfLife time.Duration `json:"half_life"` // of a report
	Window   time.Duration `json:"window"`    // a report of this age weighs nothing
	Replay   time.Duration `json:"replay"`    // a report that arrives later than this after the deed is dropped

	// What a report weighs.
	Severity   Severity   `json:"severity"`
	Confidence [4]Micro   `json:"confidence"` // by the Hub's label
	Spoofable  [4]Micro   `json:"spoofable"`  // by the Hub's label
	Provenance [5]Micro   `json:"provenance"` // by Provenance
	Budget     Dilution   `json:"budget"`     // of reports in a day
	Quarantine Quarantine `json:"quarantine"`
	Trust      Trust      `json:"trust"`

	// How many must agree, and how much.
	SmallGroup   int   `json:"small_group"`   // with fewer established members, two suffice
	Witnesses    int   `json:"witnesses"`     // how many must agree in a group of up to a thousand
	MinWitnesses int   `json:"min_witnesses"` // a floor, if the operator wants more
	TrustedGroup bool  `json:"trusted_group"` // the members know one another: two suffice
	TrustedBelow int   `json:"trusted_below"` // up to this many established members
	Threshold    Micro `json:"threshold"`     // of net weight, for each of the members that must agree
	NetworkCap   Micro `json:"network_cap"`   // what a network adds at most, for each of them
	NewcomerCap  Micro `json:"newcomer_cap"`  // what all that are not established add at most
	Benign       Micro `json:"benign"`        // what a member that sees ordinary use takes off

	// Tiers, as shares of the threshold.
	Watch   Micro `json:"watch"`
	Suspect Micro `json:"suspect"`
	Exit    Micro `json:"exit"` // a tier is left at this share of what it takes to enter it

	Brake     Brake     `json:"brake"`
	Durations Durations `json:"durations"`

	// Special addresses.
	SharedFactor int64         `json:"shared_factor"` // how many times the threshold, for shared addresses
	SharedFrom   int           `json:"shared_from"`   // established members that see ordinary use make an address a shared one
	SharedRatio  int           `json:"shared_ratio"`  // if they are so many times those that report it
	OwnFactor    int64         `json:"own_factor"`    // how many times the threshold, to ban a member's own address
	OwnNotice    time.Duration `json:"own_notice"`    // after the member was told
	ColdStart    time.Duration `json:"cold_start"`    // so long a new small group bans only for certain behaviour
	Questions    int           `json:"questions"`     // at most, that counter-witnesses are asked at once
}

// Trust says how a member earns and loses trust.
type Trust struct {
	Weightless     time.Duration `json:"weightless"`      // a younger member has none
	Growth         time.Duration `json:"growth"`          // the time in which all but 1/e of it is there
	Established    Micro         `json:"established"`     // trust from which a member is established
	EstablishedAge time.Duration `json:"established_age"` // and age
	Vouched        Micro         `json:"vouched"`         // what a vouched member has at least
	Prior          int64         `json:"prior"`           // credits that are missing at first
	Contest        int64         `json:"contest"`         // credits that a fault costs
	CreditLife     time.Duration `json:"credit_life"`     // half-life of credits
	CreditsADay    int           `json:"credits_a_day"`
	FaultsADay     int           `json:"faults_a_day"`
	FaultMemory    time.Duration `json:"fault_memory"`
	Novelty        time.Duration `json:"novelty"` // a unit that was listed so recently brings no credit
	Confirmations  int           `json:"confirmations"`
}

// Dilution says how many reports a day a cluster can make at full weight.
type Dilution struct {
	Base      int64 `json:"base"`
	PerCredit int64 `json:"per_credit"`
	Max       int64 `json:"max"`
}

// Quarantine says when a member's reports are set aside until it is mended.
type Quarantine struct {
	Hits         int           `json:"hits"`         // of excluded addresses within Time
	Services     Micro         `json:"services"`     // the least share of services in what a member takes for its clients
	VolumeFactor int64         `json:"volume"`       // times the median of members
	VolumeFloor  int64         `json:"volume_floor"` // the median counts as this many at least
	Corroborated Micro         `json:"corroborated"` // a share of reports that clears a member with many
	Time         time.Duration `json:"time"`         // also how long a member must be clean
}

// Brake says when two members that report the same units count as one.
type Brake struct {
	Slack      int64 `json:"slack"`       // common units that are chance
	SmallSlack int64 `json:"small_slack"` // the same, in a small group
	SmallBelow int   `json:"small_below"` // of established members
	Share      Micro `json:"share"`       // of the threshold, that established members reach without the caps
}

// Durations says how long a listing lasts.
type Durations struct {
	First         time.Duration `json:"first"` // doubled for each earlier episode
	Max           time.Duration `json:"max"`
	SharedFirst   time.Duration `json:"shared_first"`
	SharedMax     time.Duration `json:"shared_max"`
	EpisodeGap    time.Duration `json:"episode_gap"`    // between two episodes
	EpisodeMemory time.Duration `json:"episode_memory"` // also of an appeal
	Suppression   time.Duration `json:"suppression"`    // after an accepted appeal
}

const day = 24 * time.Hour

// Defaults returns the constants that the simulation supports.
func Defaults() Config {
	return Config{
		Version:  ConfigVersion,
		HalfLife: 3 * day, Window: 14 * day, Replay: day,
		Severity: Severity{
			Exploit: One, BruteForce: 800_000, Fraud: 800_000, Spam: 600_000,
			DoS: 600_000, Scan: 500_000, Crawl: 300_000, Audit: 0,
		},
		Confidence: [4]Micro{0, 500_000, 800_000, One},
		Spoofable:  [4]Micro{One, 500_000, 200_000, 0},
		Provenance: [5]Micro{Certified: One, Custom: 250_000, Widespread: 750_000, Tainted: 0, Manual: 250_000},
		Budget:     Dilution{Base: 200, PerCredit: 20, Max: 5000},
		Quarantine: Quarantine{Hits: 3, Services: 500_000, VolumeFactor: 10, VolumeFloor: 5, Corroborated: 50_000, Time: day},
		Trust: Trust{
			Weightless: 7 * day, Growth: 30 * day, Established: 500_000, EstablishedAge: 30 * day, Vouched: 850_000,
			Prior: 10, Contest: 20, CreditLife: 90 * day, CreditsADay: 5, FaultsADay: 5, FaultMemory: 365 * day,
			Novelty: 7 * day, Confirmations: 2,
		},
		SmallGroup: 8, Witnesses: 3, MinWitnesses: 2, TrustedBelow: 50,
		Threshold: 650_000, NetworkCap: 325_000, NewcomerCap: 162_500, Benign: 150_000,
		Watch: 250_000, Suspect: 600_000, Exit: 500_000,
		Brake: Brake{Slack: 5, SmallSlack: 15, SmallBelow: 50, Share: 750_000},
		Durations: Durations{
			First: day, Max: 7 * day, SharedFirst: 2 * time.Hour, SharedMax: 12 * time.Hour,
			EpisodeGap: day, EpisodeMemory: 90 * day, Suppression: day,
		},
		SharedFactor: 2, SharedFrom: 5, SharedRatio: 2, OwnFactor: 2, OwnNotice: day, ColdStart: 30 * day, Questions: 1000,
	}
}

// Hash identifies the constants.
func (c *Config) Hash() string {
	text, err := json.Marshal(c)
	if err != nil {
		panic(err) // numbers and booleans always have a JSON
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// Rules are constants that have been checked, with what follows from them. They never
// change, and many goroutines may use them.
type Rules struct {
	cfg    Config
	hash   string
	fading fading
}

// New returns the rules with the constants of cfg, or an error that names the field that
// makes no sense.
func New(cfg Config) (*Rules, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	return &Rules{cfg, cfg.Hash(), newFading(cfg.HalfLife, cfg.Window)}, nil
}

// Config returns the constants.
func (r *Rules) Config() Config { return r.cfg }

// needed returns how many established clusters must agree, of n. asked is what the
// operator may raise: more witnesses, and a higher threshold with them, but not what one
// network or all newcomers can add.
func (c *Config) needed(n int) (law, asked int) {
	switch {
	case n < c.SmallGroup, c.TrustedGroup && n < c.TrustedBelow:
		law = 2
	default:
		law = c.Witnesses
		for size := 1000; size < n; size *= 10 {
			law++
		}
	}
	return law, max(law, c.MinWitnesses)
}

// Needed returns how many established clusters must agree, of so many.
func (c *Config) Needed(established int) int {
	_, asked := c.needed(established)
	return asked
}

// slack returns how many common units of two clusters are chance, of so many clusters.
func (c *Config) slack(established int) int64 {
	if established < c.Brake.SmallBelow {
		return c.Brake.SmallSlack
	}
	return c.Brake.Slack
}
