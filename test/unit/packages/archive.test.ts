import { archiveSuite } from "../../fixtures/packages/archive-suite.ts";

archiveSuite("node");
