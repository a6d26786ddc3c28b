import { archiveSuite } from "../../fixtures/packages/archive-suite.ts";

archiveSuite("workerd");
