package waf

// A zone is a part of a request that rules look at. What it holds is a list of values,
// most of which have a name.
type zone uint8

const (
	zoneURI zone = iota
	zoneURIFull
	zoneMethod
	zoneProtocol
	zoneArgs
	zoneArgsNames
	zoneHeaders
	zoneHeadersNames
	zoneCookies
	zoneCookiesNames

	// From here on zones are those of the body.
	zoneBodyArgs
	zoneBodyArgsNames
	zoneRawBody
	zoneFiles
	zoneFilesNames
	zoneFilesSize

	zoneCount
	firstOfBody = zoneBodyArgs
)

func (z zone) isBody() bool { return z >= firstOfBody }

// isArgs reports whether the zone holds arguments, or their names.
func (z zone) isArgs() bool {
	return z == zoneArgs || z == zoneArgsNames || z == zoneBodyArgs || z == zoneBodyArgsNames
}

// zoneInfos say what rules call a zone, what alerts call it, which is its name in the
// language that CrowdSec translates rules to, and whether its values have names that a rule
// can select.
var zoneInfos = [zoneCount]struct {
	name, alert string
	named       bool
}{
	zoneURI:           {"URI", "REQUEST_FILENAME", false},
	zoneURIFull:       {"URI_FULL", "REQUEST_URI", false},
	zoneMethod:        {"METHOD", "REQUEST_METHOD", false},
	zoneProtocol:      {"PROTOCOL", "REQUEST_PROTOCOL", false},
	zoneArgs:          {"ARGS", "ARGS_GET", true},
	zoneArgsNames:     {"ARGS_NAMES", "ARGS_GET_NAMES", true},
	zoneHeaders:       {"HEADERS", "REQUEST_HEADERS", true},
	zoneHeadersNames:  {"HEADERS_NAMES", "REQUEST_HEADERS_NAMES", true},
	zoneCookies:       {"COOKIES", "REQUEST_COOKIES", true},
	zoneCookiesNames:  {"COOKIES_NAMES", "REQUEST_COOKIES_NAMES", true},
	zoneBodyArgs:      {"BODY_ARGS", "ARGS_POST", true},
	zoneBodyArgsNames: {"BODY_ARGS_NAMES", "ARGS_POST_NAMES", true},
	zoneRawBody:       {"RAW_BODY", "RAW_REQUEST_BODY", false},
	zoneFiles:         {"FILENAMES", "FILES", true},
	zoneFilesNames:    {"FILES_NAMES", "FILES_NAMES", true},
	zoneFilesSize:     {"FILES_TOTAL_SIZE", "FILES_COMBINED_SIZE", false},
}

// namesOf maps the zones of names to those of the values that have them.
var namesOf = map[zone]zone{
	zoneArgsNames: zoneArgs, zoneHeadersNames: zoneHeaders, zoneCookiesNames: zoneCookies, zoneBodyArgsNames: zoneBodyArgs,
}

// zoneNamed returns the zone that rules call name.
func zoneNamed(name string) (zone, bool) {
	if name == "FILES" { // the names of files, too
		return zoneFiles, true
	}
	for z := range zoneCount {
		if zoneInfos[z].name == name {
			return z, true
		}
	}
	return 0, false
}
