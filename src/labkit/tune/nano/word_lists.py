"""Known words: names, towns, things, days and so on; lower case where case carries nothing."""

from __future__ import annotations

NAMES = tuple(
    """anna ben clara david emma felix greta henry ida jonas karin leo maria noah olga paul quentin rosa simon tina
    ursula victor wendy xaver yara zoe ali amir aiko boris carla diego elena fatima george hana ivan julia kenji lena
    marco nadia oscar petra rahul sara thomas uma vera walter yusuf zara alice bruno chloe dmitri eva frank grace hugo
    irene jack kate liam mona nina otto priya robert sofia tom viola will amy bob carol dan erik fiona gina harald
    ingrid james lucy mia nils peter ruth sam theo""".split()
)
CITIES = tuple(
    """oslo paris berlin london madrid rome vienna prague dublin lisbon athens warsaw helsinki stockholm copenhagen
    bern zurich geneva milan turin naples munich hamburg cologne leipzig dresden lyon nice porto seville valencia
    krakow gdansk riga vilnius tallinn bergen malmo cairo lagos nairobi tunis accra dakar delhi mumbai pune tokyo
    osaka kyoto seoul beijing shanghai hanoi bangkok manila jakarta sydney perth auckland toronto montreal boston
    chicago denver seattle austin dallas miami lima bogota quito santiago havana""".split()
)
THINGS = tuple(
    """apple bridge candle desk engine feather garden hammer island jacket kettle ladder mirror needle orange pencil
    quilt river saddle table umbrella violin window yellow zebra anchor basket camera dragon eagle forest guitar
    harbor iron jewel kitchen lemon mountain notebook ocean planet queen rocket silver tiger uncle valley wagon bottle
    carpet doctor envelope flower glass hotel insect jungle king letter machine number office paper question rabbit
    school teacher uniform village winter year animal bread cloud door earth fire green house ice juice key lamp
    milk night oil park rain snow train voice water blue red black white small big old new fast slow warm cold book
    chair clock cup dog cat bird fish tree stone road ship star sun moon wind wood wool sand salt sugar tea coffee
    cheese butter pepper onion carrot potato tomato banana cherry grape melon peach plum""".split()
)
JOBS = tuple("teacher doctor nurse baker pilot farmer painter lawyer driver cook singer writer engineer clerk".split())
COLOURS = tuple("red blue green yellow black white brown pink purple orange grey".split())
DAYS = tuple("Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split())
MONTHS = tuple("January February March April May June July August September October November December".split())
LANGUAGES = tuple("French German Spanish Italian English Dutch Polish Greek Turkish Hindi Korean Danish".split())
CURRENCIES = tuple("USD EUR GBP JPY CHF SEK NOK INR CAD AUD".split())
ROOMS = tuple("kitchen bedroom office garage bathroom hall cellar attic garden library".split())
MODELS = tuple("nano qwen3-4b llama-3.2-1b gemma-3-4b phi-4-mini mistral-7b qwen3-8b smollm2-1.7b".split())
KEYS = tuple(
    """name age city job email phone country colour price item quantity customer title day hour room model memory id
    code status owner animal team level product weight street year author size type label place brand""".split()
)

CONTENT_WORDS = frozenset(
    word.lower()
    for known in (NAMES, CITIES, THINGS, JOBS, COLOURS, DAYS, MONTHS, LANGUAGES, CURRENCIES, ROOMS, MODELS, KEYS)
    for word in known
)
"""All of the above: what answers copy from questions."""
