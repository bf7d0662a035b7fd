package detect

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// staticExts are the extensions from all versions of CrowdSec's scenarios.
var staticExts = newStringSet(
	".JPG", ".CSS", ".JS", ".JPEG", ".PNG", ".SVG", ".MAP", ".ICO", ".OTF", ".GIF", ".MP3", ".MP4", ".WOFF", ".WOFF2",
	".TTF", ".EOT", ".WEBP", ".WAV", ".GZ", ".BROTLI", ".BVR", ".TS", ".BMP", ".AVIF", ".MJS",
)

// static returns whether the extension is one of files that pages embed.
func (v *view) static() (string, bool) {
	ext := v.name[v.ext:]
	const longest = len(".BROTLI")
	if ext == "" || len(ext) > 2*longest {
		return "false", true
	}
	var upper [2 * longest]byte // called often, so it avoids allocations
	for i := range len(ext) {
		switch c := ext[i]; {
		case c >= utf8.RuneSelf:
			return strconv.FormatBool(staticExts.has(strings.ToUpper(ext))), true
		case 'a' <= c && c <= 'z':
			upper[i] = c - ('a' - 'A')
		default:
			upper[i] = c
		}
	}
	_, ok := staticExts[string(upper[:len(ext)])]
	return strconv.FormatBool(ok), true
}
