package trail

// Tally is how many journeys of a version ended in one way; Ending is done or an error's code, "" for those under way.
type Tally struct {
	Version  string
	Ending   string
	Journeys int
}

// Fate is how the journeys of a version ended. Asked are those that ended because somebody would have had to be asked (prompt=none): they
// say nothing of the version.
type Fate struct {
	Done   int `json:"done"`
	Denied int `json:"denied"`
	Errors int `json:"errors"`
	Asked  int `json:"asked"`
}

// Ended is how many ended in a way that says something.
func (f Fate) Ended() int { return f.Done + f.Denied + f.Errors }

// Rate is the part of those that n are.
func (f Fate) Rate(n int) float64 {
	if f.Ended() == 0 {
		return 0
	}
	return float64(n) / float64(f.Ended())
}

// Sum is the fate of a version's journeys.
func Sum(list []Tally, version string) (f Fate) {
	for _, t := range list {
		if t.Version != version {
			continue
		}
		switch t.Ending {
		case "":
		case Done:
			f.Done += t.Journeys
		case "server_error", "temporarily_unavailable":
			f.Errors += t.Journeys
		case "login_required", "interaction_required", "consent_required", "account_selection_required":
			f.Asked += t.Journeys
		default:
			f.Denied += t.Journeys
		}
	}
	return f
}
