package detect

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxField is how many bytes of a text scenarios see. This is more than common servers allow
// in a line of an access log, and it limits the time for regular expressions.
const maxField = 16 << 10

// A field is a value of an event that expressions can read: an index into fields.
type field uint8

// fieldSet is a set of fields.
type fieldSet uint64

func (f field) set() fieldSet { return 1 << f }

// lateFields are the fields that are known only after the response.
var lateFields = func() (s fieldSet) {
	for i, def := range fields {
		if def.late {
			s |= field(i).set()
		}
	}
	return s
}()

// A haystack is a text that other fields are parts of. It is searched once to find out which
// literals can be in any of these fields.
type haystack uint8

const (
	noHay     haystack = iota
	hayTarget          // the request target
	hayAgent
	hayReferer
	hayLine
	hayDecoded // the request target with its percent escapes decoded
	hayPath    // the same, but slashes can be added or removed: see needs
	hayCount
)

// A fieldDef defines a field: its name and how to compute it.
type fieldDef struct {
	name string // without "evt."
	get  func(*view) (text string, present bool)
	late bool     // known only after the response
	memo bool     // slow, so it is computed once for an event
	hay  haystack // the text that it is a part of
	only []string // its possible values besides empty; nil for any
}

// fields are all fields. The first ones are those of CrowdSec's parsers, and comparison with
// these parsers showed how to derive them from a request. The last ones are our own. A new
// field needs one new line here.
var fields = []fieldDef{
	fieldService:   {name: "Meta.service", get: (*view).service},
	fieldLogType:   {name: "Meta.log_type", get: (*view).logType},
	fieldSourceIP:  {name: "Meta.source_ip", get: (*view).sourceIP, memo: true},
	fieldGroupIP:   {name: "group_ip", get: (*view).groupIP, memo: true},
	fieldPath:      {name: "Meta.http_path", get: func(v *view) (string, bool) { return nonEmpty(v.target) }, hay: hayTarget},
	fieldStatus:    {name: "Meta.http_status", get: (*view).status, late: true},
	fieldVerb:      {name: "Meta.http_verb", get: func(v *view) (string, bool) { return nonEmpty(v.evt.Method) }},
	fieldArgsLen:   {name: "Meta.http_args_len", get: (*view).argsLen},
	fieldSubType:   {name: "Meta.sub_type", get: (*view).subType, late: true, only: []string{"auth_fail"}},
	fieldMetaAgent: {name: "Meta.http_user_agent", get: (*view).userAgent, hay: hayAgent},
	fieldMetaHost:  {name: "Meta.target_fqdn", get: (*view).host},

	fieldParsedStatus: {name: "Parsed.status", get: (*view).status, late: true},
	fieldImpact:       {name: "Parsed.impact_completion", get: (*view).impact, late: true},
	fieldParsedVerb:   {name: "Parsed.verb", get: func(v *view) (string, bool) { return nonEmpty(v.evt.Method) }},
	fieldRequest:      {name: "Parsed.request", get: func(v *view) (string, bool) { return v.request, v.target != "" }, hay: hayTarget},
	fieldArgs:         {name: "Parsed.http_args", get: func(v *view) (string, bool) { return v.args, v.hasArgs }, hay: hayTarget},
	fieldDir:          {name: "Parsed.file_dir", get: func(v *view) (string, bool) { return v.dir, v.hasDir }, hay: hayTarget},
	fieldFrag:         {name: "Parsed.file_frag", get: func(v *view) (string, bool) { return v.name[:v.ext], v.hasDir }, hay: hayTarget},
	fieldExt:          {name: "Parsed.file_ext", get: func(v *view) (string, bool) { return v.name[v.ext:], v.hasDir }, hay: hayTarget},
	fieldName:         {name: "Parsed.file_name", get: func(v *view) (string, bool) { return nonEmpty(v.name) }, hay: hayTarget},
	fieldStatic:       {name: "Parsed.static_ressource", get: (*view).static, memo: true},
	fieldAgent:        {name: "Parsed.http_user_agent", get: (*view).userAgent, hay: hayAgent},
	fieldReferer:      {name: "Parsed.http_referer", get: (*view).referer, hay: hayReferer},
	fieldVersion:      {name: "Parsed.http_version", get: (*view).version},
	fieldHost:         {name: "Parsed.target_fqdn", get: (*view).host},
	fieldLine:         {name: "Parsed.rawrequest", get: func(v *view) (string, bool) { return nonEmpty(clip(v.evt.Line)) }, hay: hayLine},

	fieldCleanPath: {name: "Parsed.clean_path", get: (*view).cleanPath, hay: hayPath},
	fieldScript:    {name: "Parsed.script", get: (*view).script, memo: true, hay: hayPath},
	fieldAction:    {name: "Parsed.form_action", get: (*view).formAction, late: true, memo: true},
	fieldMethod:    {name: "Parsed.xmlrpc_method", get: (*view).xmlrpcMethod, late: true},
	fieldCalls:     {name: "Parsed.xmlrpc_calls", get: (*view).xmlrpcCalls, late: true},
	fieldPlace:     {name: "Parsed.place", get: (*view).place, late: true, memo: true},
	fieldTemplate:  {name: "Parsed.path_template", get: (*view).pathTemplate},
	fieldLastWord:  {name: "Parsed.last_word", get: (*view).lastWord, memo: true},
	fieldLogin:     {name: "Meta.login", get: (*view).login, late: true, memo: true},
	fieldKind:      {name: "Meta.login_kind", get: (*view).loginKind, late: true},
	fieldLoginUser: {name: "Meta.login_user", get: (*view).loginUser, late: true, memo: true},
	fieldLoginTry:  {name: "Meta.login_try", get: (*view).loginTry, late: true, memo: true},
	fieldSent:      {name: "Meta.login_sent", get: (*view).loginSent, late: true, memo: true},
	fieldMember:    {name: "Meta.login_member", get: (*view).loginMember, late: true, memo: true, only: []string{"true", "false"}},
	fieldCount:     {name: "Meta.login_count", get: (*view).loginCount, late: true},
	fieldAt:        {name: "Meta.login_place", get: (*view).loginPlace, late: true, memo: true},
	fieldOutcome:   {name: "Meta.outcome", get: (*view).outcome, late: true, only: []string{outcomeMissing, outcomeRefused}},
	fieldNet:       {name: "Meta.source_net", get: (*view).sourceNet},
	fieldWhose:     {name: "Meta.attribution", get: func(v *view) (string, bool) { return v.evt.Attribution.String(), true }},
	fieldProducts:  {name: "Parsed.agent_products", get: (*view).agentProducts, memo: true, hay: hayAgent},
	fieldSite:      {name: "Meta.site", get: (*view).site},
	fieldMatched:   {name: "Meta.matched", get: func(v *view) (string, bool) { return nonEmpty(v.evt.Matched) }},
	fieldAsked:     {name: "Parsed.asked", get: (*view).asked},
	fieldCloning:   {name: "Parsed.cloning", get: (*view).cloning, only: []string{"true", "false"}},
	fieldExposed:   {name: "Meta.exposed", get: (*view).exposed, late: true, only: []string{"true", "false"}},
	fieldRule:      {name: "Meta.rule_name", get: (*view).ruleName},
	fieldZones:     {name: "Meta.matched_zones", get: (*view).matchedZones},
	fieldTarget:    {name: "Meta.target_uri", get: (*view).targetURI},
	fieldLikely:    {name: "Meta.rule_likely", get: (*view).ruleLikely, only: []string{"true", "false"}},
	fieldClimbs:    {name: "Parsed.climbs", get: (*view).climbs, only: []string{"true", "false"}},
}

const (
	fieldService field = iota
	fieldLogType
	fieldSourceIP
	fieldGroupIP // replaces Meta.source_ip where a scenario groups events
	fieldPath
	fieldStatus
	fieldVerb
	fieldArgsLen
	fieldSubType
	fieldMetaAgent
	fieldMetaHost
	fieldParsedStatus
	fieldImpact
	fieldParsedVerb
	fieldRequest
	fieldArgs
	fieldDir
	fieldFrag
	fieldExt
	fieldName
	fieldStatic
	fieldAgent
	fieldReferer
	fieldVersion
	fieldHost
	fieldLine
	fieldCleanPath
	fieldScript
	fieldAction
	fieldMethod
	fieldCalls
	fieldPlace
	fieldTemplate
	fieldLastWord
	fieldLogin
	fieldKind
	fieldLoginUser
	fieldLoginTry
	fieldSent
	fieldMember
	fieldCount
	fieldAt
	fieldOutcome
	fieldNet
	fieldWhose
	fieldProducts
	fieldMatched
	fieldAsked
	fieldCloning
	fieldExposed
	fieldClimbs
	fieldSite
	fieldRule
	fieldZones
	fieldTarget
	fieldLikely
)

// fieldNamed returns the field that is evt.name in expressions.
func fieldNamed(name string) (field, bool) {
	for i, def := range fields {
		if def.name == name {
			return field(i), true
		}
	}
	return 0, false
}

func nonEmpty(s string) (string, bool) { return s, s != "" }

func clip(s string) string {
	if len(s) > maxField {
		return s[:maxField]
	}
	return s
}

// split splits the target as CrowdSec's http-logs parser does: at the last question mark,
// the last slash before it and the last dot after that slash, unless the dot begins the
// name. If the line is not a request, the whole line is the target: CrowdSec's parsers for
// Apache's and for nginx's log put it into Meta.http_path. Apache's parser also puts it into
// Parsed.rawrequest, and nginx's into Parsed.request. Here it is in both.
func (v *view) split() {
	v.target = clip(cmp.Or(v.evt.Target, v.evt.Line))
	v.request, v.args, v.dir, v.name, v.ext = v.target, "", "", "", 0
	q := strings.LastIndexByte(v.target, '?')
	if v.hasArgs = q >= 0; v.hasArgs {
		v.request, v.args = v.target[:q], v.target[q+1:]
	}
	slash := strings.LastIndexByte(v.request, '/')
	if v.hasDir = slash >= 0; !v.hasDir {
		return
	}
	v.dir, v.name = v.request[:slash+1], v.request[slash+1:]
	if v.ext = strings.LastIndexByte(v.name, '.'); v.ext <= 0 {
		v.ext = len(v.name)
	}
}

func (v *view) sourceIP() (string, bool) { return v.evt.Client.String(), true }

func (v *view) groupIP() (string, bool) {
	return v.client.Addr().String(), true
}

func (v *view) status() (string, bool) { return statusText(v.evt.Status), true }

// statusTexts are the texts of the usual statuses.
var statusTexts = func() (t [600]string) {
	for i := range t {
		t[i] = strconv.Itoa(i)
	}
	return t
}()

func statusText(status int) string {
	switch {
	case status == 0:
		return "200"
	case status > 0 && status < len(statusTexts):
		return statusTexts[status]
	}
	return strconv.Itoa(status)
}

func (v *view) argsLen() (string, bool) {
	if !v.hasDir {
		return "", false
	}
	n := utf8.RuneCountInString(v.args)
	if n < len(statusTexts) {
		return statusTexts[n], true
	}
	return strconv.Itoa(n), true
}

// subType follows CrowdSec's rule for Caddy's log: the server asked for a password by HTTP
// authentication.
func (v *view) subType() (string, bool) {
	if v.evt.Status != 401 || !strings.HasPrefix(v.evt.Header.Get("Www-Authenticate"), "Basic") {
		return "", false
	}
	return "auth_fail", true
}

func (v *view) userAgent() (string, bool) { return clip(v.evt.UserAgent), true }

func (v *view) referer() (string, bool) { return nonEmpty(clip(v.evt.Referer)) }

func (v *view) impact() (string, bool) {
	switch v.evt.Status {
	case 403, 404, 502:
		return "false", true
	}
	return "true", true
}

func (v *view) version() (string, bool) {
	return nonEmpty(strings.TrimPrefix(clip(v.evt.Proto), "HTTP/"))
}

// host returns the host name in the request, without the port.
func (v *view) host() (string, bool) {
	host := clip(v.evt.Host)
	colon := strings.LastIndexByte(host, ':')
	if colon < 0 || strings.IndexByte(host[colon:], ']') >= 0 || strings.Count(host, ":") > 1 && host[0] != '[' {
		return nonEmpty(strings.TrimSuffix(host, "."))
	}
	return nonEmpty(strings.TrimSuffix(host[:colon], "."))
}

// site returns the server's name for the site, or else the host.
func (v *view) site() (string, bool) {
	if v.evt.Site != "" {
		return v.evt.Site, true
	}
	return v.host()
}
