import { median } from "../../../worker/control/audits/statistics-rules.ts";
import { detect } from "./simulation.ts";

/** Prints the figures of docs/anomalies.md: `node test/unit/anomalies/figures.ts`. */

const DAYS = 100;
const { injected, found, alarms, falseAlarms, delays, precision, recall } = detect(31, DAYS, 4);
const share = (value: number): string => `${(100 * value).toFixed(1)} %`;
console.log(`${DAYS} days, ${injected} anomalies: found ${found}, alarms ${alarms}, false ${falseAlarms}`);
console.log(`precision ${share(precision)}, recall ${share(recall)}, median delay ${median(delays)} minutes`);
const calm = detect(32, DAYS, 0);
console.log(`${DAYS} days without anomalies: ${calm.falseAlarms} false alarms`);
