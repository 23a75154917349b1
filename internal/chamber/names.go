package chamber

import "strings"

var (
	towns = []string{
		"Lakeside", "Riverton", "Maple Grove", "Cedar Falls", "Harbor Point", "Fairview", "Granite Bay", "Oak Ridge",
		"Pine Valley", "Stonebridge", "Willow Creek", "Eagle Pass",
	}

	zones = []string{"America/Chicago", "America/New_York", "America/Denver", "America/Los_Angeles", "Europe/Berlin"}

	typeNames = []string{"Small Business", "Corporate", "Non-Profit", "Individual", "Platinum Partner", "Associate", "Home-Based Business"}

	// The first are the ones that everybody joins: the large groups.
	groupNames = []string{
		"Newsletter", "Weekly E-News", "Events and Announcements", "Legislative Alerts",
		"Ambassadors", "Young Professionals", "Board of Directors", "Women in Business", "Golf Outing Committee",
		"Leadership Class", "Government Affairs", "Economic Development", "Ribbon Cuttings", "Executive Committee",
		"Annual Gala", "Business After Hours", "Tourism Council", "Education Foundation", "Small Business Council",
		"Manufacturers Roundtable", "Healthcare Council", "Downtown Merchants", "Farmers Market Vendors", "Holiday Parade",
		"Finance Committee", "Nominating Committee", "Member Orientation", "Restaurant Week", "Nonprofit Network",
		"Real Estate Forum", "Technology Forum", "Veterans in Business", "Latino Business Alliance", "Café Série",
		"Sponsors", "Press and Media", "Past Presidents", "Elected Officials", "Trade Mission", "Job Fair Exhibitors",
	}

	firstNames = []string{
		"James", "Mary", "Robert", "Patricia", "John", "Jennifer", "Michael", "Linda", "David", "Elizabeth",
		"William", "Barbara", "Richard", "Susan", "Joseph", "Jessica", "Thomas", "Karen", "Chris", "Sarah", "Daniel", "Nancy",
		"Matthew", "Lisa", "Anthony", "Betty", "Mark", "Sandra", "Steven", "Ashley", "Paul", "Emily", "Andrew", "Donna",
		"José", "Zoë", "Jürgen", "François", "Siân", "Renée", "Björn", "Aisha", "Wei", "Priya", "Kwame", "Olga", "Mary Ann",
	}

	lastNames = []string{
		"Smith", "Johnson", "Williams", "Brown", "Jones", "Garcia", "Miller", "Davis", "Rodriguez", "Martinez",
		"Wilson", "Anderson", "Taylor", "Moore", "Jackson", "Martin", "Lee", "Perez", "Thompson", "White", "Harris", "Clark",
		"Lewis", "Walker", "Hall", "Young", "Allen", "King", "Wright", "Scott", "Nguyen", "Hill", "Green", "Adams", "Baker",
		"O'Brien", "D'Angelo", "Müller", "Groß", "Nuñez", "Håkansson", "Lefèvre", "Smith-Jones", "van Dyke", "Kowalski", "Vega",
	}

	trades = []string{
		"Bakery", "Plumbing", "Insurance", "Dental Care", "Auto Repair", "Landscaping", "Law Offices", "Accounting",
		"Hardware", "Florist", "Realty", "Brewing", "Printing", "Physical Therapy", "Roofing", "Credit Union", "Museum",
		"Veterinary Clinic", "Coffee Roasters", "Electric", "Consulting", "Catering", "Fitness", "Travel", "Bank",
	}

	suffixes = []string{"", "", "", " LLC", " Inc.", " & Sons", " Group", " Company"}

	titles = []string{
		"Owner", "President", "General Manager", "Marketing Director", "Office Manager", "Executive Director",
		"Vice President", "Sales Manager", "Bookkeeper", "Partner", "",
	}

	streets = []string{"Main Street", "Oak Avenue", "Commerce Drive", "Market Street", "Second Avenue", "Industrial Parkway", "Lake Road"}

	offices = []string{"office", "info", "contact"}

	topLevels = []string{".example.org", ".example.com", ".example.net"}

	// What people type where they have no address, or two; none can be mailed
	// to. %s is the address that they would have.
	invalidEmails = []string{"no email", "n/a", "%s; backup@example.org", "%s, %s", "call first", "@example.org", "someone at example.com"}
)

// ascii spells names the way people do in their addresses.
var ascii = strings.NewReplacer("é", "e", "è", "e", "ë", "e", "ü", "u", "ß", "ss", "ö", "o", "ñ", "n", "å", "a", "â", "a", "ç", "c",
	"'", "", " ", "", "&", "", ".", "", "-", "")

func slug(name string) string { return ascii.Replace(strings.ToLower(name)) }
