package session

import "strings"

// sign is a mark that user agents leave and what it stands for. The first that is found decides: many pretend to be others besides.
type sign struct{ mark, name string }

func browsers() []sign {
	return []sign{{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"OPT/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"},
		{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"}}
}

func systems() []sign {
	return []sign{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"}, {"Macintosh", "Mac"}, {"Linux", "Linux"}}
}

// unknown is what is said of a user agent that is in no table.
const unknown = "Unknown browser"

// Agent is a short name for a browser, such as "Firefox on Linux", for the list in which people find their own sessions. It is one of a
// few texts of ours: whatever a stranger sends as user agent is not kept.
func Agent(userAgent string) string {
	first := func(signs []sign) string {
		for _, s := range signs {
			if strings.Contains(userAgent, s.mark) {
				return s.name
			}
		}
		return ""
	}
	browser, system := first(browsers()), first(systems())
	if browser == "" || system == "" || browser == "Safari" && !strings.Contains(userAgent, "Safari/") {
		return unknown
	}
	return browser + " on " + system
}
