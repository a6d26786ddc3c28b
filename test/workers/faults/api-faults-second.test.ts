import { tryEverySecondOperation } from "../../support/workers/fault-suite-tests.ts";

tryEverySecondOperation(1);
